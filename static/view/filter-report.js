// @ts-check
import { language, text } from '../i18n/strings.js';
import { openDialog } from './dialog.js';
import { byId, element } from './dom.js';
import { notify } from './notices.js';

/** @import {PictureSize} from '../rtc/picture-size.js' */
/** @import {Counters, FilterReport, Model, Totals} from '../protocol/types.js' */

const COUNTERS = /** @type {const} */ (['received', 'filtered', 'covered', 'slated', 'repeated', 'withheld', 'errors', 'raw']);
const TIME = new Intl.DateTimeFormat(language, { hour: 'numeric', minute: '2-digit' });

/** What the filter does, and the proof of it in numbers. */
export class FilterReportView {
  /** @type {FilterReport | null} */
  report = null;
  onOpen = () => {};
  #button = byId('filter', HTMLButtonElement);
  #dialog = byId('filter-dialog', HTMLDialogElement);
  #own = byId('filter-counters', HTMLElement);
  #waiting = byId('filter-waiting', HTMLElement);
  #room = byId('filter-room', HTMLElement);
  #degraded = byId('filter-degraded', HTMLElement);
  #wasDegraded = false;
  #filtersHere = false;
  #hidden = false;
  #size = byId('filter-size', HTMLElement);
  #words = byId('filter-words', HTMLElement);

  constructor() {
    this.#button.onclick = () => {
      openDialog(this.#dialog);
      this.onOpen();
    };
    this.showWhere(false);
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** @param {Model} model */
  begin(model) {
    this.report = null;
    this.#size.hidden = true;
    this.#waiting.hidden = false;
    this.#room.hidden = true;
    this.#own.replaceChildren();
    byId('filter-model', HTMLElement).replaceChildren(
      row(text('filter.model'), model.name, 'model'), row(text('filter.checksum'), model.sha256, 'checksum'));
    this.#showEdges(model);
    this.#mark(null);
  }

  /** @param {FilterReport} report about one's own camera */
  showOwn(report) {
    this.report = report;
    this.#mark(report);
    if (!this.isOpen && this.#own.childElementCount) return;
    this.#waiting.hidden = report.received > 0;
    const rows = counters(report);
    rows.push(row(text('filter.fps'), report.fps.toLocaleString(language, { maximumFractionDigits: 1 }), 'fps'));
    if (typeof report.delay === 'number') rows.push(row(text('filter.delay'), text('unit.ms', { n: Math.round(report.delay) }), 'delay'));
    this.#own.replaceChildren(...rows);
  }

  /** @param {boolean} here whether the camera is filtered on this device, too, by the server's knowledge */
  showWhere(here) {
    this.#filtersHere = here;
    byId('filter-where', HTMLElement).textContent = text(here ? 'filter.where.both' : 'filter.where.server');
    byId('filter-limits', HTMLElement).textContent = text(here ? 'filter.limits.both' : 'filter.limits');
    this.#mark(this.report);
  }

  /**
   * Says how large the picture is that is sent, and why it is no larger.
   *
   * @param {PictureSize} size
   * @param {number} people in the room
   */
  showSize({ lines, why }, people) {
    const key = why === 'server' && people < 2 ? 'size.first' : why ? /** @type {const} */ (`size.${why}`) : 'size.is';
    const words = lines ? text(key, { n: lines.toLocaleString(language), people: people.toLocaleString(language) }) : '';
    this.#size.hidden = !words;
    if (this.#size.textContent !== words) this.#size.textContent = words;
  }

  /** @param {boolean} hidden whether the server shows nothing of the camera for the moment */
  showHidden(hidden) {
    this.#hidden = hidden;
    this.#mark(this.report);
  }

  /** @param {Totals} totals about everybody's cameras */
  showTotals(totals) {
    this.#room.hidden = false;
    byId('filter-totals', HTMLElement).replaceChildren(...counters(totals),
      row(text('filter.participants'), totals.participants.toLocaleString(language), 'participants'),
      row(text('filter.screens'), totals.screens.toLocaleString(language), 'screens'),
      row(text('filter.since'), TIME.format(totals.since), 'since'));
  }

  /** What the matte's edges let through, where that has been measured.
   * @param {Model} model */
  #showEdges({ leak, union }) {
    const place = byId('filter-edges', HTMLElement);
    place.hidden = leak === null || union === null;
    if (leak === null || union === null) return;
    const percent = (/** @type {number} */ share) => (share / 100).toLocaleString(language, { style: 'percent', maximumFractionDigits: 2 });
    place.textContent = text('filter.edges', { leak: percent(leak), union: percent(union) });
  }

  /** @param {FilterReport | null} report */
  #mark(report) {
    const degraded = report?.degraded ?? null;
    this.#button.toggleAttribute('data-degraded', degraded !== null || this.#hidden);
    this.#words.textContent = text(this.#hidden ? 'filter.button.hidden' : 'filter.button');
    this.#button.setAttribute('aria-label', text(this.#hidden ? 'filter.button.hidden.label' : degraded ? 'filter.button.degraded' : this.#filtersHere ? 'filter.button.both' : 'filter.button.label'));
    this.#degraded.hidden = degraded === null;
    const words = degraded ? text(`filter.degraded.${degraded}`) : '';
    if (this.#degraded.textContent !== words) this.#degraded.textContent = words;
    if (degraded && !this.#wasDegraded) notify(text(`filter.degraded.${degraded}`));
    this.#wasDegraded = degraded !== null;
  }
}

/** @param {Counters} counters */
function counters(counters) {
  return COUNTERS.map((name) => row(text(`filter.${name}`), counters[name].toLocaleString(language), name));
}

/**
 * @param {string} term
 * @param {string} value
 * @param {string} name
 */
function row(term, value, name) {
  return element('div', { 'data-counter': name }, element('dt', {}, term), element('dd', {}, value));
}
