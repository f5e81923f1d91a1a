// @ts-check
import { text } from '../i18n/strings.js';
import { byId } from './dom.js';
import { notify } from './notices.js';

/** Where other programs on this computer get one's own picture from. */
export class Elsewhere {
  #address = byId('elsewhere-address', HTMLInputElement);

  constructor() {
    this.#address.onfocus = () => this.#address.select();
    byId('elsewhere-copy', HTMLButtonElement).onclick = () => void this.#copy();
  }

  /**
   * @param {string} room
   * @param {string} self one's id
   * @param {string | null} token what a server with keys asks viewers for, too
   */
  show(room, self, token) {
    const path = `/watch/${encodeURIComponent(room)}/${encodeURIComponent(self)}`;
    this.#address.value = location.origin + path + (token ? `#token=${token}` : '');
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#address.value);
      notify(text('settings.elsewhere.copied'));
    } catch { // no clipboard without a secure context or permission
      this.#address.focus();
      notify(text('invite.manual'));
    }
  }
}
