// @ts-check
import { roomAddress } from '../app/room-names.js';
import { text } from '../i18n/strings.js';
import { duration, moment } from '../i18n/times.js';
import { confirmed } from './confirm.js';
import { byId, element, icon } from './dom.js';
import { newPin, pinOf } from './pins.js';

/** @import {ClientMessage, Invitation, InvitationsTold} from '../protocol/types.js' */

/** What can be chosen, in s. */
const LIFETIMES = [3600, 8 * 3600, 24 * 3600, 7 * 24 * 3600];
const USUAL = 24 * 3600;

/** Links with a token: made for guests or for hosts, listed, revoked. */
export class InvitationForm {
  /** What is said when the link that is shown has been copied. */
  copied = text('invite.copied');
  #root = byId('invite-form', HTMLFormElement);
  #role = byId('invite-role', HTMLSelectElement);
  #lifetime = byId('invite-lifetime', HTMLSelectElement);
  #pinOn = byId('invite-pin-on', HTMLInputElement);
  #pinField = byId('invite-pin-field', HTMLElement);
  #pin = byId('invite-pin', HTMLInputElement);
  #pinError = byId('invite-pin-error', HTMLElement);
  #made = byId('invite-made', HTMLElement);
  #list = byId('invite-list', HTMLElement);
  #send;
  #show;
  #copy;
  /** The PIN of the invitation that is on its way. */
  #asked = '';

  /**
   * @param {(message: ClientMessage) => void} send
   * @param {{show: (link: string) => void, copy: (link: string, done: string) => void}} events
   */
  constructor(send, { show, copy }) {
    this.#send = send;
    this.#show = show;
    this.#copy = copy;
    this.#pinOn.onchange = () => {
      this.#pinField.hidden = !this.#pinOn.checked;
      this.#pin.value = this.#pinOn.checked ? newPin() : '';
      this.#complain('');
    };
    this.#pin.oninput = () => this.#complain('');
    this.#root.onsubmit = (event) => {
      event.preventDefault();
      this.#make();
    };
  }

  /** @param {number | null} longest that an invitation may be good for, in s; null where none are made */
  open(longest) {
    this.#root.hidden = longest === null;
    this.#made.textContent = '';
    this.#list.replaceChildren();
    this.copied = text('invite.copied');
    if (longest === null) return;
    const offered = LIFETIMES.filter((each) => each <= longest);
    const lifetimes = offered.length ? offered : [Math.floor(longest)];
    this.#lifetime.replaceChildren(...lifetimes.map((each) => element('option', { value: String(each) }, duration(each))));
    this.#lifetime.value = String(lifetimes.includes(USUAL) ? USUAL : lifetimes[lifetimes.length - 1]);
  }

  focus() {
    byId('invite-make', HTMLButtonElement).focus();
  }

  /** @param {InvitationsTold} told */
  list({ invitations, made }) {
    const focused = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(...invitations.map((each) => this.#row(each)));
    byId('invite-listed', HTMLElement).hidden = invitations.length === 0;
    if (focused) this.focus();
    const fresh = invitations.find(({ id }) => id === made);
    if (!fresh) return;
    this.copied = text(fresh.role === 'host' ? 'invite.host.copied' : 'invite.guest.copied');
    const words = text(fresh.role === 'host' ? 'invite.made.host' : 'invite.made.guest', { time: moment(fresh.expires) });
    this.#made.replaceChildren(words, ...(this.#asked ? [' ', element('strong', {}, text('invite.pin.is', { pin: this.#asked }))] : []));
    this.#show(address(fresh));
    byId('invite-copy', HTMLButtonElement).focus();
  }

  #make() {
    const pin = this.#pinOn.checked ? pinOf(this.#pin.value) : '';
    if (this.#pinOn.checked && !pin) return this.#complain(text('door.pin.bad'));
    this.#asked = pin;
    const role = this.#role.value === 'host' ? 'host' : 'guest';
    this.#send({ type: 'invite', role, lifetime: Number(this.#lifetime.value), ...(pin && { pin }) });
  }

  /** @param {string} words */
  #complain(words) {
    this.#pinError.textContent = words;
    if (words) this.#pin.setAttribute('aria-invalid', 'true');
    else this.#pin.removeAttribute('aria-invalid');
    if (words) this.#pin.focus();
  }

  /** @param {Invitation} invitation */
  #row(invitation) {
    const { id, role, expires, pin, by, token } = invitation;
    const who = text(role === 'host' ? 'invite.for.host' : 'invite.for.guest');
    const until = text('invite.until', { time: moment(expires) });
    const notes = [until, pin && text('invite.with-pin'), by && text('invite.by', { name: by })].filter(Boolean).join(' · ');
    const row = element('li', { class: 'person', 'data-invitation': id }, element('span', { class: 'person-name' }, element('strong', {}, who), element('small', {}, notes)));
    const done = text(role === 'host' ? 'invite.host.copied' : 'invite.guest.copied');
    if (token) row.append(button('copy', `${text('invite.copy')}: ${who}, ${until}`, () => this.#copy(address(invitation), done)));
    const revoke = element('button', { type: 'button', class: 'link', 'aria-label': `${text('invite.revoke')}: ${who}, ${until}` }, text('invite.revoke'));
    revoke.onclick = () => void this.#revoke(id);
    row.append(revoke);
    return row;
  }

  /** @param {string} id */
  async #revoke(id) {
    if (!await confirmed({ title: text('invite.revoke.title'), words: text('invite.revoke.text'), action: text('invite.revoke') })) return;
    this.#made.textContent = '';
    this.#show('');
    this.#send({ type: 'revoke', invitation: id });
  }
}

/**
 * @param {string} symbol
 * @param {string} label
 * @param {() => void} action
 */
function button(symbol, label, action) {
  const made = element('button', { type: 'button', class: 'quiet', 'aria-label': label, title: label }, icon(symbol));
  made.onclick = action;
  return made;
}

/** The fragment is sent to no server, and so stands in no log.
 * @param {Invitation} invitation */
function address({ token }) {
  return `${roomAddress()}#token=${token}`;
}
