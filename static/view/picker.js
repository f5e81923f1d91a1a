// @ts-check
import { asColor } from '../app/background-catalog.js';
import { text } from '../i18n/strings.js';
import { pastedFiles } from '../lib/clipboard.js';
import { byId, element, icon } from './dom.js';
import { paint } from './paint.js';

/** @import {Background} from '../protocol/types.js' */

/**
 * @typedef {object} PickerEvents
 * @property {(id: string) => void} pick
 * @property {(file: File) => void} add
 * @property {(id: string) => void} remove
 *
 * @typedef {object} Offer
 * @property {Background[]} list
 * @property {string[]} colors
 * @property {boolean} anyColor
 * @property {boolean} upload
 * @property {string} policy why the choice is limited, or nothing
 */

/** The gallery of backgrounds. There is one, and it moves between the lobby and the room. */
export class Picker {
  #root = byId('picker', HTMLFieldSetElement);
  #tiles = byId('picker-tiles', HTMLElement);
  #colors = byId('picker-colors', HTMLElement);
  #upload = byId('upload', HTMLInputElement);
  #hint = byId('picker-hint', HTMLElement);
  #policy = byId('picker-policy', HTMLElement);
  #accepting = true;
  #events;
  /** The list as last drawn, so that nothing is drawn (and no focus lost) for no change. */
  #drawn = '';

  /** @param {PickerEvents} events */
  constructor(events) {
    this.#events = events;
    this.#root.onchange = (event) => {
      const { target } = event;
      if (target instanceof HTMLInputElement && target.name === 'background') events.pick(target.value);
    };
    this.#upload.onchange = () => {
      this.#addFirst(this.#upload.files);
      this.#upload.value = '';
    };
    this.#acceptFiles();
  }

  /** @param {HTMLElement} place */
  moveTo(place) {
    place.append(this.#root);
  }

  /**
   * @param {Offer} offer
   * @param {string} wanted
   * @param {boolean} busy whether `wanted` is not what is sent yet
   */
  show(offer, wanted, busy) {
    const drawn = JSON.stringify(offer);
    const held = this.#root.contains(document.activeElement) ? document.activeElement : null;
    if (drawn !== this.#drawn) this.#draw(offer);
    this.#drawn = drawn;
    for (const choice of this.#root.querySelectorAll('label[data-background]')) {
      const input = choice.querySelector('input');
      if (!input) continue;
      input.checked = input.value === wanted;
      choice.toggleAttribute('data-busy', busy && input.checked);
    }
    if (held && !held.isConnected) this.#focusLike(held);
  }

  focus() {
    const checked = this.#root.querySelector('input:checked');
    if (checked instanceof HTMLElement) checked.focus();
  }

  /** Focuses what stands for something that was drawn anew, or else the choice.
   * @param {Element} gone */
  #focusLike(gone) {
    const same = [...this.#root.querySelectorAll('button[id], input[name=background]')].find((each) => (
      gone instanceof HTMLInputElement && each instanceof HTMLInputElement ? each.value === gone.value : each.id && each.id === gone.id
    ));
    if (same instanceof HTMLElement) same.focus();
    else this.focus();
  }

  /** @param {Offer} offer */
  #draw({ list, colors, anyColor, upload, policy }) {
    this.#accepting = upload;
    this.#tiles.replaceChildren(...list.map((background) => this.#tile(background)), ...(upload ? [this.#uploadTile()] : []));
    this.#colors.replaceChildren(...colors.map((color) => swatch(color)), ...(anyColor ? [this.#colorInput(colors.at(-1) ?? '')] : []));
    this.#colors.hidden = !colors.length;
    this.#hint.hidden = !upload;
    this.#policy.hidden = !policy;
    this.#policy.textContent = policy;
  }

  /** @param {Background} background */
  #tile({ id, kind, title, thumbnail, mine }) {
    const picture = element('span', { class: 'thumb' }, icon('check'));
    paint(picture, { id, address: thumbnail });
    if (kind === 'clip') picture.append(element('span', { class: 'clip-mark', 'aria-hidden': 'true' }, '▶'));
    const tile = element('label', { 'data-background': id, class: 'choice' }, radio(id), picture, element('span', { class: 'caption' }, title));
    if (!mine) return tile;
    const remove = element('button', { type: 'button', class: 'remove', 'aria-label': text('background.remove', { title }) }, icon('close'));
    remove.onclick = () => this.#events.remove(id);
    return element('span', { class: 'own' }, tile, remove);
  }

  #uploadTile() {
    const button = element('button', { type: 'button', id: 'upload-button', class: 'choice upload' },
      element('span', { class: 'thumb' }, icon('upload')), element('span', { class: 'caption' }, text('background.upload')));
    button.onclick = () => this.#upload.click();
    return button;
  }

  /** @param {string} value */
  #colorInput(value) {
    const input = element('input', { type: 'color', id: 'color-pick', value, 'aria-label': text('background.color.pick') });
    input.title = text('background.color.pick');
    input.onchange = (event) => {
      event.stopPropagation();
      this.#events.pick(input.value);
    };
    return element('span', { class: 'any-color' }, input);
  }

  /** Pictures may be dropped and pasted anywhere on the page. */
  #acceptFiles() {
    const accepts = () => this.#accepting && this.#root.checkVisibility();
    window.addEventListener('paste', (event) => {
      if (accepts()) this.#addFirst(pastedFiles(event));
    });
    window.addEventListener('dragover', (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      this.#root.toggleAttribute('data-drop', accepts());
    });
    window.addEventListener('dragleave', (event) => {
      if (!event.relatedTarget) this.#root.removeAttribute('data-drop');
    });
    window.addEventListener('drop', (event) => {
      this.#root.removeAttribute('data-drop');
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      if (accepts()) this.#addFirst(event.dataTransfer.files);
    });
  }

  /** @param {FileList | File[] | null} files */
  #addFirst(files) {
    const file = files?.[0];
    if (file) this.#events.add(file);
  }
}

/** @param {string} color */
function swatch(color) {
  const dot = element('span', { class: 'dot' }, icon('check'));
  dot.style.backgroundColor = color;
  dot.dataset.tone = isLight(color) ? 'light' : 'dark';
  const { title } = asColor(color);
  const choice = element('label', { 'data-background': color, class: 'swatch', title }, radio(color), dot);
  choice.querySelector('input')?.setAttribute('aria-label', title);
  return choice;
}

/** @param {string} id */
function radio(id) {
  return element('input', { type: 'radio', name: 'background', value: id });
}

/** @param {string} color */
function isLight(color) {
  const [red, green, blue] = [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16));
  return red * 0.299 + green * 0.587 + blue * 0.114 > 140;
}
