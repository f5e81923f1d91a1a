// @ts-check
import { isKey, text } from '../i18n/strings.js';
import { byId } from './dom.js';
import { pinOf } from './pins.js';

/** @import {ServerError} from '../protocol/types.js' */

/** @import {Key} from '../i18n/strings.js' */
/** @typedef {'link' | 'pin' | 'nothing'} Asked what one can show instead */

/** Errors behind which there is no way in with what one has, what one can show instead, and what is said of it.
 * @type {Record<string, [Asked, Key]>} */
const ASKS = {
  'token-missing': ['link', 'door.text.sent'], 'token-wrong-room': ['link', 'door.text.sent'],
  'token-invalid': ['link', 'door.text.new'], 'token-expired': ['link', 'door.text.new'], 'token-revoked': ['link', 'door.text.new'],
  'pin-missing': ['pin', 'door.text.pin'], 'pin-wrong': ['pin', 'door.text.pin'], 'too-many-pins': ['pin', 'door.text.pin'],
  'removed': ['nothing', 'door.text.removed'], 'ended': ['nothing', 'door.text.ended'],
};

/** Where one stands who is not let in: it says why, and what leads on. */
export class Door {
  #form = byId('door-form', HTMLFormElement);
  #input = byId('door-input', HTMLInputElement);
  #error = byId('door-error', HTMLElement);
  #button = byId('door-go', HTMLButtonElement);
  /** @type {Asked} */
  #asks = 'nothing';

  /** @param {{pin: (pin: string) => void, link: (link: URL) => void}} events */
  constructor({ pin, link }) {
    this.#input.oninput = () => this.#say('');
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      if (this.#button.hasAttribute('data-busy')) return;
      if (this.#asks === 'pin') return this.#givePin(pin);
      const found = invitation(this.#input.value);
      if (found) link(found);
      else this.#say(text('door.link.bad'));
    };
  }

  /** Whether an error is one to stand here with.
   * @param {string} code */
  static keepsOut(code) {
    return code in ASKS;
  }

  /** @param {ServerError} error */
  show({ code }) {
    const again = document.body.dataset.state === 'door';
    const title = `door.${code}`;
    const error = `error.${code}`;
    const [asks, words] = ASKS[code];
    this.#asks = asks;
    document.body.dataset.state = 'door';
    byId('door-title', HTMLElement).textContent = text(isKey(title) ? title : 'door.title');
    byId('door-text', HTMLElement).textContent = text(words);
    this.#form.hidden = this.#asks === 'nothing';
    this.#input.value = '';
    this.#input.inputMode = this.#asks === 'pin' ? 'numeric' : 'url';
    this.#input.maxLength = this.#asks === 'pin' ? 24 : 8192; // blanks between digits; a token of 4096, and the address
    byId('door-label', HTMLElement).textContent = text(this.#asks === 'pin' ? 'door.pin' : 'door.link');
    this.#setBusy(false);
    this.#say(this.#asks === 'pin' && code !== 'pin-missing' && isKey(error) ? text(error) : '');
    if (this.#asks === 'pin' || again) this.#input.focus();
    else byId('door-title', HTMLElement).focus();
  }

  /** @param {(pin: string) => void} give */
  #givePin(give) {
    const pin = pinOf(this.#input.value);
    if (!pin) return this.#say(text('door.pin.bad'));
    this.#setBusy(true);
    give(pin);
  }

  /** @param {boolean} busy */
  #setBusy(busy) {
    this.#button.toggleAttribute('data-busy', busy);
    this.#button.textContent = text(busy ? 'door.trying' : this.#asks === 'pin' ? 'door.pin.go' : 'door.link.go');
  }

  /** @param {string} words */
  #say(words) {
    this.#error.textContent = words;
    if (words) this.#input.setAttribute('aria-invalid', 'true');
    else this.#input.removeAttribute('aria-invalid');
    if (words) this.#input.focus();
  }
}

/** The link to a room of this server that somebody has pasted, or null.
 * @param {string} pasted */
function invitation(pasted) {
  if (!URL.canParse(pasted.trim(), location.href)) return null;
  const link = new URL(pasted.trim(), location.href);
  const secrets = new URLSearchParams(link.hash.slice(1));
  return link.origin === location.origin && link.pathname.startsWith('/r/') && (secrets.get('token') || secrets.get('host')) ? link : null;
}
