// @ts-check
import { text } from '../strings.js';
import { byId, element } from './dom.js';

/** @import {FilterReport, Model} from '../types.js' */

const COUNTERS = /** @type {const} */ (['received', 'filtered', 'slated', 'withheld', 'errors', 'raw']);

/** What the filter does, and the proof of it in numbers. */
export class FilterDialog {
  #button = byId('filter', HTMLButtonElement);
  #dialog = byId('filter-dialog', HTMLDialogElement);
  #counters = byId('filter-counters', HTMLElement);
  #waiting = byId('filter-waiting', HTMLElement);
  #degraded = byId('filter-degraded', HTMLElement);
  /** @type {Model | null} */
  #model = null;

  constructor() {
    this.#button.onclick = () => this.#dialog.showModal();
    this.#mark(null);
  }

  /** @param {Model} model */
  begin(model) {
    this.#model = model;
    this.#waiting.hidden = false;
    this.#counters.replaceChildren();
    this.#mark(null);
  }

  /** @param {FilterReport} report */
  show(report) {
    this.#mark(report.degraded);
    this.#waiting.hidden = true;
    if (!this.#dialog.open && this.#counters.childElementCount) return;
    const rows = COUNTERS.map((name) => row(text(`filter.${name}`), report[name].toLocaleString(), name));
    rows.push(row(text('filter.fps'), report.fps.toFixed(1), 'fps'));
    if (this.#model) rows.push(row(text('filter.model'), `${this.#model.name} · ${this.#model.sha256.slice(0, 8)}`, 'model'));
    this.#counters.replaceChildren(...rows);
  }

  /** @param {FilterReport['degraded']} degraded */
  #mark(degraded) {
    this.#button.toggleAttribute('data-degraded', degraded !== null);
    this.#button.setAttribute('aria-label', text(degraded ? 'filter.button.degraded' : 'filter.button.label'));
    this.#degraded.hidden = degraded === null;
    this.#degraded.textContent = degraded ? text(`filter.degraded.${degraded}`) : '';
  }
}

/**
 * @param {string} term
 * @param {string} value
 * @param {string} name
 */
function row(term, value, name) {
  return element('div', { 'data-counter': name }, element('dt', {}, term), element('dd', {}, value));
}
