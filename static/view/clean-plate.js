// @ts-check
import { text } from '../i18n/strings.js';
import { byId } from './dom.js';

/** @import {FilterReport} from '../protocol/types.js' */

/** The button that lets the server learn the empty room: count down, step aside, come back. */
export class CleanPlateButton {
  #field = byId('plate-field', HTMLElement);
  #button = byId('plate', HTMLButtonElement);
  #state = byId('plate-state', HTMLElement);
  #plate = /** @type {FilterReport['plate']} */ ('none');
  #seconds = 0;
  #timer = 0;

  /** @param {(wanted: boolean) => void} want */
  constructor(want) {
    this.#button.onclick = () => {
      if (this.#plate !== 'none' || this.#seconds > 0) {
        this.#stop();
        want(false);
        return this.show('none');
      }
      this.#seconds = 3;
      this.#timer = window.setInterval(() => {
        this.#seconds -= 1;
        if (this.#seconds > 0) return this.#draw();
        this.#stop();
        want(true);
        this.show('recording');
      }, 1000);
      this.#draw();
    };
    this.#draw();
  }

  /** @param {boolean} available whether there is a connection and a camera */
  offer(available) {
    this.#field.hidden = !available;
    if (!available) this.#stop();
  }

  /** @param {FilterReport['plate']} plate */
  show(plate) {
    this.#plate = plate;
    this.#draw();
  }

  #stop() {
    window.clearInterval(this.#timer);
    this.#seconds = 0;
  }

  #draw() {
    const counting = this.#seconds > 0;
    this.#button.textContent = text(counting || this.#plate === 'recording' ? 'plate.cancel' : this.#plate === 'used' ? 'plate.forget' : 'plate.learn');
    this.#state.textContent = counting
      ? text('plate.countdown', { seconds: String(this.#seconds) })
      : text(`plate.${this.#plate}`);
  }
}
