// @ts-check
import { text } from '../i18n/strings.js';
import { byId, element } from './dom.js';

/** How many are shown at a time; and for how long after they last changed, in ms. */
const MOST = 3;
const SHOWN_FOR = 8000;

/** The captions under the tiles. Their place is kept free while anybody captions, so that the tiles stay where they are. */
export class Captions {
  #root = byId('captions', HTMLElement);
  #on = true;
  #expected = false;
  /** Each person's caption that is not final yet.
   * @type {Map<string, HTMLElement>} */
  #unfinished = new Map();

  /** @param {boolean} on whether one wants to see captions */
  show(on) {
    this.#on = on;
    if (!on) this.clear();
    this.#place();
  }

  /** @param {boolean} expected whether anybody captions what they say */
  expect(expected) {
    this.#expected = expected;
    this.#place();
  }

  /**
   * @param {string} participant
   * @param {string} name
   * @param {string} words
   * @param {boolean} final
   */
  add(participant, name, words, final) {
    if (!this.#on) return;
    // One that may still change is not read aloud; the final one is another element, so that it is.
    const caption = element('p', { class: 'caption-line', ...(!final && { 'aria-hidden': 'true' }) },
      element('bdi', {}, name), ' ', element('span', { dir: 'auto' }, words));
    const before = this.#unfinished.get(participant);
    if (before?.isConnected) before.replaceWith(caption);
    else this.#root.append(caption);
    if (final) this.#unfinished.delete(participant);
    else this.#unfinished.set(participant, caption);
    if (this.#root.childElementCount > MOST) this.#root.firstElementChild?.remove();
    setTimeout(() => caption.remove(), SHOWN_FOR);
  }

  clear() {
    this.#root.replaceChildren();
    this.#unfinished.clear();
  }

  #place() {
    this.#root.hidden = !this.#on || !this.#expected;
  }
}

/** The captions' part of the settings. */
export class CaptionSettings {
  #self = byId('captions-self', HTMLInputElement);
  #note = byId('captions-note', HTMLElement);
  #language = byId('captions-language', HTMLSelectElement);

  /** @param {{caption: (on: boolean) => void, speak: (lang: string) => void, show: (on: boolean) => void}} events */
  constructor({ caption, speak, show }) {
    const shown = byId('captions-shown', HTMLInputElement);
    this.#self.onchange = () => caption(this.#self.checked);
    this.#language.onchange = () => speak(this.#language.value);
    shown.onchange = () => show(shown.checked);
  }

  /** @param {boolean} on whether captions are shown here */
  showShown(on) {
    byId('captions-shown', HTMLInputElement).checked = on;
  }

  /**
   * @param {{code: string, name: string}[]} languages that can be recognised on this device
   * @param {string} chosen
   */
  offer(languages, chosen) {
    byId('captions-language-field', HTMLElement).hidden = languages.length === 0;
    this.#language.replaceChildren(...languages.map(({ code, name }) => new Option(name, code)));
    this.#language.value = chosen;
  }

  /**
   * @param {boolean} on
   * @param {'text' | 'unavailable' | 'fetching' | 'forbidden'} note
   */
  showSelf(on, note) {
    this.#self.checked = on;
    this.#self.disabled = note === 'unavailable' || note === 'forbidden';
    this.#note.textContent = text(note === 'forbidden' ? 'error.captions-forbidden' : `captions.self.${note}`);
  }
}
