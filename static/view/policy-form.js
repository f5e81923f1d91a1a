// @ts-check
import { asColor } from '../app/background-catalog.js';
import { text } from '../i18n/strings.js';
import { byId, element, icon } from './dom.js';
import { paint } from './paint.js';

/** @import {Background, Policy} from '../protocol/types.js' */

/**
 * What hosts decide about the room. A change is sent at once, and shown when the server has taken it; but a list of
 * backgrounds acts on everybody, so that it is sent when it is complete.
 */
export class PolicyForm {
  #locked = byId('policy-locked', HTMLInputElement);
  #waiting = byId('policy-waiting', HTMLInputElement);
  #backgrounds = byId('policy-backgrounds', HTMLSelectElement);
  #screen = byId('policy-screen', HTMLSelectElement);
  #deviceFilter = byId('policy-device-filter', HTMLInputElement);
  #unmute = byId('policy-unmute', HTMLInputElement);
  #captions = byId('policy-captions', HTMLInputElement);
  #files = byId('policy-files', HTMLInputElement);
  #list = byId('policy-list', HTMLElement);
  #apply = byId('policy-apply', HTMLButtonElement);
  #change;
  #titles;
  /** What is on the list.
   * @type {string[]} */
  #chosen = [];
  /** What the server has taken of it.
   * @type {string[]} */
  #applied = [];

  /**
   * @param {(policy: Partial<Policy>) => void} change
   * @param {() => Background[]} titles everything that can be put on the list
   */
  constructor(change, titles) {
    this.#change = change;
    this.#titles = titles;
    byId('policy', HTMLFormElement).onsubmit = (event) => event.preventDefault();
    this.#locked.onchange = () => change({ locked: this.#locked.checked });
    this.#waiting.onchange = () => change({ waitingRoom: this.#waiting.checked });
    this.#screen.onchange = () => change({ screenShare: /** @type {Policy['screenShare']} */ (this.#screen.value) });
    this.#deviceFilter.onchange = () => change({ deviceFilter: this.#deviceFilter.checked ? 'required' : 'optional' });
    this.#unmute.onchange = () => change({ unmute: this.#unmute.checked ? 'allowed' : 'hosts' });
    this.#captions.onchange = () => change({ captions: this.#captions.checked });
    this.#files.onchange = () => change({ files: this.#files.checked });
    this.#backgrounds.onchange = () => this.#choose(this.#backgrounds.value);
    this.#list.onchange = () => this.#pick();
    this.#apply.onclick = () => this.#change({ backgrounds: this.#chosen });
  }

  /** @param {Policy} policy */
  show({ locked, waitingRoom, backgrounds, screenShare, deviceFilter, unmute, files, captions }) {
    this.#locked.checked = locked;
    this.#waiting.checked = waitingRoom;
    this.#screen.value = screenShare;
    this.#deviceFilter.checked = deviceFilter === 'required';
    this.#unmute.checked = unmute === 'allowed';
    this.#captions.checked = captions;
    this.#files.checked = files;
    this.#applied = Array.isArray(backgrounds) ? backgrounds : [];
    this.#chosen = this.#applied;
    const kind = !Array.isArray(backgrounds) ? backgrounds : backgrounds.length > 1 || this.#backgrounds.value === 'some' ? 'some' : 'one';
    this.#backgrounds.value = kind;
    this.#draw();
  }

  /** @param {string} kind */
  #choose(kind) {
    if (kind === 'any' || kind === 'blur') return this.#change({ backgrounds: kind });
    const first = this.#titles().find((each) => each.kind === 'picture')?.id ?? 'blur';
    if (!this.#chosen.length) this.#chosen = kind === 'some' ? ['blur', 'blur-strong', first] : [first];
    if (kind === 'one') this.#chosen = this.#chosen.slice(0, 1);
    this.#draw();
  }

  #pick() {
    const checked = [...this.#list.querySelectorAll('input:checked')].map((input) => /** @type {HTMLInputElement} */ (input).value);
    if (!checked.length) return this.#draw(); // one has to stay
    const kept = this.#chosen.filter((id) => checked.includes(id));
    this.#chosen = [...kept, ...checked.filter((id) => !kept.includes(id))];
    this.#draw();
  }

  #draw() {
    const kind = this.#backgrounds.value;
    this.#list.hidden = kind !== 'some' && kind !== 'one';
    this.#apply.hidden = this.#list.hidden || (this.#chosen.length > 0 && this.#chosen.join() === this.#applied.join());
    if (this.#list.hidden) return;
    const known = this.#titles();
    const more = this.#chosen.filter((id) => !known.some((each) => each.id === id)).map(asColor);
    const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.value : null;
    this.#list.replaceChildren(...[...known, ...more].map((background) => this.#tile(background, kind === 'one')));
    for (const input of this.#list.querySelectorAll('input')) if (input.value === focused) input.focus();
  }

  /**
   * @param {Background} background
   * @param {boolean} single
   */
  #tile({ id, title, thumbnail }, single) {
    const input = element('input', { type: single ? 'radio' : 'checkbox', name: 'policy-background', value: id, 'aria-label': title });
    input.checked = this.#chosen.includes(id);
    const picture = element('span', { class: 'thumb' }, icon('check'));
    paint(picture, { id, address: thumbnail });
    const first = this.#chosen[0] === id && !single ? ` · ${text('host.default')}` : '';
    return element('label', { class: 'choice', 'data-policy-background': id }, input, picture, element('span', { class: 'caption', 'aria-hidden': 'true' }, title + first));
  }
}
