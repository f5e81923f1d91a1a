// @ts-check
import { roomAddress } from '../app/room-names.js';
import { text } from '../i18n/strings.js';
import { calendarFile } from '../lib/calendar.js';
import { openDialog } from './dialog.js';
import { byId, element } from './dom.js';
import { InvitationForm } from './invitation-form.js';
import { notify } from './notices.js';
import { RoomPin } from './room-pin.js';

/** @import {RoomState} from '../protocol/room-state.js' */
/** @import {ClientMessage, InvitationsTold} from '../protocol/types.js' */

/** The longest link that a code holds. */
const QR_BYTES = 666;

/** The room's address, to be copied, shared, or read by a phone's camera; for hosts, what else lets people in. */
export class Invite {
  #dialog = byId('invite-dialog', HTMLDialogElement);
  #plain = byId('invite-plain', HTMLElement);
  #link = byId('invite-link', HTMLInputElement);
  #host = byId('invite-host', HTMLButtonElement);
  #share = byId('invite-share', HTMLButtonElement);
  #send;
  #form;
  #pin;
  /** What is copied and drawn. */
  #address = '';
  #hostToken = '';

  /** @param {(message: ClientMessage) => void} send */
  constructor(send) {
    this.#send = send;
    this.#form = new InvitationForm(send, {
      show: (link) => this.#show(link), copy: (link, done) => void this.#copy(link, done),
    });
    this.#pin = new RoomPin(send);
    byId('invite-copy', HTMLButtonElement).onclick = () => void this.#copy(this.#address, this.#form.copied);
    this.#host.onclick = () => void this.#copy(`${roomAddress()}#host=${this.#hostToken}`, text('invite.host.copied'));
    this.#share.hidden = typeof navigator.share !== 'function';
    this.#share.onclick = () => void navigator.share({ url: this.#address }).catch(() => {}); // called off
    byId('invite-calendar', HTMLButtonElement).onclick = () => this.#saveCalendar();
    this.#link.onfocus = () => this.#link.select();
  }

  /** @param {RoomState} state */
  open({ limits, isHost }) {
    const how = limits?.invitations ?? 'pin';
    const links = how === 'links' && isHost;
    this.#host.hidden = true;
    this.#pin.hide();
    this.#form.open(links ? limits?.invitationLifetime ?? null : null);
    byId('invite-text', HTMLElement).textContent = text(
      how === 'pin' ? 'invite.text' : links ? 'invite.text.links' : isHost ? 'invite.text.off' : 'invite.text.guest',
    );
    this.#show(how === 'pin' ? roomAddress() : '');
    if (isHost && how !== 'off') this.#send({ type: 'invitations' });
    openDialog(this.#dialog);
    if (how === 'pin') byId('invite-copy', HTMLButtonElement).focus();
    else if (links) this.#form.focus();
  }

  /** @param {InvitationsTold} told @param {RoomState} state */
  hear(told, { limits }) {
    if (!this.#dialog.open) return;
    this.#hostToken = told.hostToken;
    if (limits?.invitations === 'links') return this.#form.list(told);
    this.#host.hidden = false;
    this.#pin.show(told.pin);
  }

  /** @param {string} link or nothing */
  #show(link) {
    this.#address = link;
    this.#plain.hidden = link === '';
    this.#link.value = link;
    if (link) void this.#drawQr(link);
  }

  #saveCalendar() {
    const file = new Blob([calendarFile({ title: text('app.name'), link: this.#address, now: Date.now() })], { type: 'text/calendar' });
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
      this.#plain.hidden = false;
      this.#link.value = link;
      this.#link.focus();
      this.#link.select();
      notify(text('invite.manual'));
    }
  }

  /** @param {string} link */
  async #drawQr(link) {
    const { encodeQr } = await import('../lib/qr.js');
    const qr = byId('invite-qr', SVGSVGElement);
    const bytes = new TextEncoder().encode(link).length;
    qr.toggleAttribute('hidden', bytes > QR_BYTES);
    if (bytes > QR_BYTES) return;
    const modules = encodeQr(link);
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : ''))).join(''));
    qr.setAttribute('viewBox', `0 0 ${modules.length + 8} ${modules.length + 8}`);
    qr.replaceChildren(path);
  }
}
