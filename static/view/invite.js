// @ts-check
import { text } from '../i18n/strings.js';
import { calendarFile } from '../lib/calendar.js';
import { byId, element } from './dom.js';
import { notify } from './notices.js';

/** The room's address, to be copied, shared, or read by a phone's camera. */
export class Invite {
  #dialog = byId('invite-dialog', HTMLDialogElement);
  #link = byId('invite-link', HTMLInputElement);
  #host = byId('invite-host', HTMLButtonElement);
  #share = byId('invite-share', HTMLButtonElement);

  constructor() {
    byId('invite-copy', HTMLButtonElement).onclick = () => void this.#copy(roomAddress(), text('invite.copied'));
    this.#share.hidden = typeof navigator.share !== 'function';
    this.#share.onclick = () => void navigator.share({ url: roomAddress() }).catch(() => {}); // called off
    byId('invite-calendar', HTMLButtonElement).onclick = () => this.#saveCalendar();
    this.#link.onfocus = () => this.#link.select();
  }

  /** @param {string | null} hostToken for a second link, which makes hosts */
  open(hostToken) {
    this.#link.value = roomAddress();
    this.#host.hidden = hostToken === null;
    this.#host.onclick = () => void this.#copy(`${roomAddress()}#host=${hostToken}`, text('invite.host.copied'));
    void this.#drawQr();
    this.#dialog.showModal();
    byId('invite-copy', HTMLButtonElement).focus();
  }

  #saveCalendar() {
    const file = new Blob([calendarFile({ title: text('app.name'), link: this.#link.value || roomAddress(), now: Date.now() })], { type: 'text/calendar' });
    const anchor = element('a', { href: URL.createObjectURL(file), download: 'meeting.ics' });
    anchor.click();
    URL.revokeObjectURL(anchor.href);
  }

  /**
   * @param {string} link
   * @param {string} done
   */
  async #copy(link, done) {
    try {
      await navigator.clipboard.writeText(link);
      notify(done);
    } catch { // no clipboard without a secure context or permission
      this.#link.value = link;
      this.#link.focus();
      this.#link.select();
      notify(text('invite.manual'));
    }
  }

  async #drawQr() {
    const { encodeQr } = await import('../lib/qr.js');
    const modules = encodeQr(roomAddress());
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : ''))).join(''));
    const qr = byId('invite-qr', SVGSVGElement);
    qr.setAttribute('viewBox', `0 0 ${modules.length + 8} ${modules.length + 8}`);
    qr.replaceChildren(path);
  }
}

/** The link for guests, without what makes one a host. */
function roomAddress() {
  return location.origin + location.pathname;
}
