// @ts-check
import { text } from '../i18n/strings.js';
import { picturePoint } from '../lib/picture-point.js';
import { byId } from './dom.js';
import { warn } from './notices.js';

/** @import {FilterReport, FollowChosen} from '../protocol/types.js' */

/** The choice of the one person whom the server shows, by a button or by a tap on one's own picture. */
export class FollowField {
  #field = byId('follow-field', HTMLElement);
  #button = byId('follow', HTMLButtonElement);
  #centre = byId('follow-centre', HTMLButtonElement);
  #words = byId('follow-state', HTMLElement);
  #state = /** @type {FilterReport['followed']} */ ('off');
  /** Whether a tap on one's own picture is waited for. */
  #choosing = false;
  #choose;

  /** @param {(target: FollowChosen['target']) => void} choose */
  constructor(choose) {
    this.#choose = choose;
    this.#button.onclick = () => {
      if (this.#state !== 'off') return this.#want(null);
      this.#choosing = !this.#choosing;
      this.#draw();
    };
    this.#centre.onclick = () => this.#want('centre');
    document.addEventListener('click', (event) => this.#tap(event));
    this.#draw();
  }

  /** Takes up what a new connection knows. What the server has forgotten is shown to nobody until it is chosen again.
   * @param {FilterReport['followed']} followed */
  begin(followed) {
    this.#field.hidden = false;
    if (followed === 'off' && this.#state !== 'off') this.#want('nobody');
    else this.show(followed);
  }

  /** @param {FilterReport['followed']} followed */
  show(followed) {
    if (followed === 'lost' && this.#state === 'following') warn(text('follow.lost'));
    if (followed !== 'off') this.#choosing = false;
    this.#state = followed;
    this.#draw();
  }

  leave() {
    this.#field.hidden = true;
  }

  /** @param {FollowChosen['target']} target */
  #want(target) {
    this.#choosing = false;
    this.#state = target === null ? 'off' : 'lost';
    this.#choose(target);
    this.#draw();
    if (target !== null) this.#words.textContent = '';
  }

  /** @param {MouseEvent} event */
  #tap(event) {
    const { target } = event;
    if (!this.#taken || !(target instanceof Element) || target.closest('button')) return;
    const video = target.closest('#stage, .tile[data-self]')?.querySelector('video');
    const point = video && picturePoint(event, video, document.body.dataset.mirror === 'true');
    if (point) this.#want(point);
  }

  /** Whether taps are for choosing. */
  get #taken() {
    return this.#choosing || this.#state === 'lost';
  }

  #draw() {
    document.body.toggleAttribute('data-choosing', this.#taken);
    this.#button.textContent = text(this.#state !== 'off' ? 'follow.everybody' : this.#choosing ? 'plate.cancel' : 'follow.choose');
    this.#centre.hidden = this.#state === 'following' || (this.#state === 'off' && !this.#choosing);
    this.#words.textContent = text(this.#choosing ? 'follow.choosing' : `follow.${this.#state}`);
  }
}
