// @ts-check
import { isKey, text } from '../i18n/strings.js';
import { byId, showAction } from './dom.js';

/** The panel at the side, which shows one thing at a time. */
export class Panel {
  /** What is shown, or null.
   * @type {string | null} */
  current = null;
  /** @type {(name: string) => void} */
  onOpen = () => {};
  #root = byId('panel', HTMLElement);
  #title = byId('panel-title', HTMLElement);
  /** What had the focus before.
   * @type {Element | null} */
  #opener = null;

  constructor() {
    byId('panel-close', HTMLButtonElement).onclick = () => this.close();
  }

  /** Where a part of the panel lives.
   * @param {string} name */
  place(name) {
    return byId(`panel-${name}`, HTMLElement);
  }

  /** @param {string} name */
  toggle(name) {
    if (this.current === name) this.close();
    else this.#open(name);
  }

  close() {
    if (this.current === null) return;
    const held = this.#root.contains(document.activeElement);
    this.#root.hidden = true;
    showAction(this.current, { expanded: false });
    this.current = null;
    if (held && this.#opener instanceof HTMLElement && this.#opener.checkVisibility()) this.#opener.focus();
    else if (held) byId('room-title', HTMLElement).focus();
  }

  /** @param {string} name */
  #open(name) {
    if (this.current) showAction(this.current, { expanded: false });
    else this.#opener = document.activeElement;
    this.current = name;
    for (const part of this.#root.querySelectorAll('[data-panel]')) {
      if (part instanceof HTMLElement) part.hidden = part.dataset.panel !== name;
    }
    const key = `toolbar.${name}`;
    this.#title.textContent = isKey(key) ? text(key) : '';
    this.#root.hidden = false;
    this.#root.dataset.shown = name;
    showAction(name, { expanded: true });
    this.#title.focus();
    this.onOpen(name);
  }
}
