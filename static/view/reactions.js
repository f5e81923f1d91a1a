// @ts-check
import { text } from '../i18n/strings.js';
import { byId, element, showAction } from './dom.js';

/** The row of reactions. */
export class Reactions {
  #root = byId('reactions', HTMLElement);
  #react;

  /** @param {(reaction: string) => void} react */
  constructor(react) {
    this.#react = react;
  }

  /** @param {string[]} reactions */
  offer(reactions) {
    showAction('react', { hidden: !reactions.length });
    this.#root.replaceChildren(...reactions.map((reaction) => {
      const button = element('button', { type: 'button', 'aria-label': text('reaction.send', { reaction }) }, reaction);
      button.onclick = () => {
        this.#root.hidePopover();
        this.#react(reaction);
      };
      return button;
    }));
  }

  toggle() {
    if (!this.#root.childElementCount) return;
    this.#root.togglePopover();
    const [first] = this.#root.children;
    if (this.#root.matches(':popover-open') && first instanceof HTMLElement) first.focus();
  }
}
