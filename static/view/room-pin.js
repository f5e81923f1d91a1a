// @ts-check
import { text } from '../i18n/strings.js';
import { byId } from './dom.js';
import { newPin } from './pins.js';

/** @import {ClientMessage} from '../protocol/types.js' */

/** The PIN of a room on a server without keys, as its hosts set it. */
export class RoomPin {
  #root = byId('room-pin', HTMLElement);
  #switch = byId('room-pin-on', HTMLInputElement);
  #shown = byId('room-pin-shown', HTMLElement);

  /** @param {(message: ClientMessage) => void} send */
  constructor(send) {
    this.#switch.onchange = () => send({ type: 'pin', pin: this.#switch.checked ? newPin() : null });
  }

  hide() {
    this.#root.hidden = true;
  }

  /** @param {string | null} pin */
  show(pin) {
    this.#root.hidden = false;
    this.#switch.checked = pin !== null;
    this.#shown.textContent = pin === null ? '' : text('invite.pin.is', { pin });
  }
}
