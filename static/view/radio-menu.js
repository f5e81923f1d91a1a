// @ts-check
import { byId, element, icon, placePopover } from './dom.js';

/**
 * One choice of several, under a title.
 * @typedef {{title: string, offered: {id: string, label: string}[], chosen: string, known: boolean, choose: (id: string) => void}} Choice
 * `known`: whether there is anything to choose
 */

/** A menu of choices that a button opens, as the menu button of the ARIA Authoring Practices. */
export class RadioMenu {
  #root;
  #choices;
  #drawn = '';

  /**
   * @param {string} id of the menu; its button has the same with `-button`
   * @param {() => Choice[]} choices
   */
  constructor(id, choices) {
    this.#root = byId(id, HTMLElement);
    this.#choices = choices;
    this.#root.addEventListener('beforetoggle', () => this.#draw());
    this.#root.addEventListener('toggle', () => {
      if (this.#root.matches(':popover-open') && !this.#root.contains(document.activeElement)) this.#items[0]?.focus();
    });
    this.#root.addEventListener('keydown', (event) => this.#move(event));
    byId(`${id}-button`, HTMLButtonElement).addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
      event.preventDefault();
      this.#root.showPopover();
      this.#items.at(event.key === 'ArrowUp' ? -1 : 0)?.focus();
    });
  }

  /** Shows what there is to choose now, if the menu is open. */
  refresh() {
    if (!this.#root.matches(':popover-open')) return;
    const focused = this.#items.find((item) => item === document.activeElement);
    if (!this.#draw()) return;
    const [opener] = document.querySelectorAll(`#${this.#root.id}-button`);
    placePopover(this.#root, opener);
    const again = this.#items.find(({ dataset }) => focused && dataset.choice === focused.dataset.choice);
    if (focused) (again ?? this.#items[0]).focus();
  }

  /** @returns {HTMLElement[]} */
  get #items() {
    return [...this.#root.querySelectorAll('button')];
  }

  /** Tells whether anything has changed. */
  #draw() {
    const choices = this.#choices();
    const drawn = JSON.stringify(choices);
    if (drawn === this.#drawn) return false;
    this.#drawn = drawn;
    this.#root.replaceChildren(...choices.map((choice) => element('div', { role: 'group', 'aria-label': choice.title },
      element('p', { class: 'menu-title', 'aria-hidden': 'true' }, choice.title), ...choice.offered.map((each) => this.#item(choice, each)))));
    return true;
  }

  /**
   * @param {Choice} choice
   * @param {{id: string, label: string}} offered
   */
  #item({ title, chosen, known, choose }, { id, label }) {
    const item = element('button', {
      type: 'button', class: 'item', role: 'menuitemradio', tabindex: '-1',
      'aria-checked': String(known && id === chosen), 'aria-disabled': String(!known), 'data-choice': `${title} ${id}`,
    }, icon('check'), element('span', { dir: 'auto' }, label));
    item.onclick = () => {
      if (!known) return;
      this.#root.hidePopover();
      choose(id);
    };
    return item;
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    event.stopPropagation(); // letters and Escape mean nothing else here
    const { key } = event;
    if (key === 'Tab') return this.#root.hidePopover(); // the focus goes on from the button
    const items = this.#items;
    const at = items.findIndex((item) => item === document.activeElement);
    const steps = new Map([['ArrowDown', at + 1], ['ArrowUp', at - 1], ['Home', 0], ['End', -1]]);
    const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    const step = steps.get(key);
    const next = step === undefined ? after.find((item) => startsWith(item, key)) : items.at(step % items.length);
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

/** @param {HTMLElement} item @param {string} letter */
function startsWith(item, letter) {
  return letter.length === 1 && letter !== ' ' && (item.textContent ?? '').toLowerCase().startsWith(letter.toLowerCase());
}
