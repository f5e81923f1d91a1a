// @ts-check
/**
 * @typedef {object} ShortcutEvents
 * @property {() => boolean} active whether keys act now
 * @property {Record<string, () => void>} keys
 * @property {(talking: boolean) => void} talk
 * @property {() => void} escape
 */

/** What takes the space bar, or letters, for itself. */
const TYPING = 'textarea, input:not([type=radio], [type=checkbox], [type=color]), [contenteditable]';
const SPACE_TAKERS = `button, a, select, summary, input, [role=log], ${TYPING}`;

/** Single keys that act, and the space bar that one holds to talk. */
export class Shortcuts {
  on = true;
  #events;
  #talking = false;
  /** What a pointer gave the focus to; the space bar is free there, because nobody sees that focus.
   * @type {Element | null} */
  #clicked = null;

  /** @param {ShortcutEvents} events */
  constructor(events) {
    this.#events = events;
    window.addEventListener('keydown', (event) => this.#down(event));
    window.addEventListener('keyup', (event) => this.#up(event), true);
    window.addEventListener('pointerup', () => { setTimeout(() => { this.#clicked = document.activeElement; }); });
    window.addEventListener('blur', () => this.#talk(false));
  }

  /** @param {KeyboardEvent} event */
  #down(event) {
    const { target, key } = event;
    if (!this.#events.active() || event.ctrlKey || event.metaKey || event.altKey || !(target instanceof Element)) return;
    if (document.querySelector('dialog[open]') || event.isComposing) return;
    if (key === 'Escape') return document.querySelector(':popover-open') ? undefined : this.#events.escape(); // the browser closes a menu
    if (!this.on) return;
    if (key === ' ') return this.#space(event, target);
    if (event.repeat || target.matches(TYPING) || target.matches('select')) return;
    const action = Object.hasOwn(this.#events.keys, key.toLowerCase()) ? this.#events.keys[key.toLowerCase()] : null;
    if (!action) return;
    event.preventDefault();
    action();
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Element} target
   */
  #space(event, target) {
    if (target.matches(TYPING) || (target.closest(SPACE_TAKERS) && target !== this.#clicked)) return;
    event.preventDefault();
    if (!event.repeat) this.#talk(true);
  }

  /** @param {KeyboardEvent} event */
  #up(event) {
    if (event.key !== ' ' || !this.#talking) return;
    event.preventDefault(); // a button would take it as a click
    this.#talk(false);
  }

  /** @param {boolean} talking */
  #talk(talking) {
    if (talking === this.#talking) return;
    this.#talking = talking;
    this.#events.talk(talking);
  }
}

/**
 * Returns what each key does. What a button does is done by pressing it, if one is to be seen.
 *
 * @param {Record<string, () => void>} actions
 * @returns {Record<string, () => void>}
 */
export function keysOf(actions) {
  /** @param {string} name */
  const press = (name) => () => {
    const button = [...document.querySelectorAll(`[data-action="${name}"]`)].find((each) => each instanceof HTMLElement && each.checkVisibility());
    if (button instanceof HTMLButtonElement) button.click();
    else actions[name]?.();
  };
  return {
    'm': press('microphone'), 'v': press('camera'), 'b': actions.background, 'c': actions.chat, 'p': actions.people, 'h': actions.hand,
    's': press('screen'), 'r': actions.reactions, 'l': actions.layout, 'f': actions.fullscreen, 'i': actions.stats, '?': actions.help,
  };
}
