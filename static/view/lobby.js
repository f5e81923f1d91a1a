// @ts-check
import { text } from '../i18n/strings.js';
import { moment } from '../i18n/times.js';
import { byId } from './dom.js';
import { setTrack } from './media-tile.js';
import { paint } from './paint.js';

/** @import {Devices} from '../devices/devices.js' */
/** @import {Background, Hidden, TokenGrant} from '../protocol/types.js' */

/**
 * @typedef {object} LobbyEvents
 * @property {(name: string) => void} join
 * @property {() => void} prepare does what it takes to have one's token read
 * @property {() => void} cancel
 */

/** What opens more slowly than this, in ms, waits for an answer to the browser's question. */
const PATIENCE = 800;

/** The room before the room: who, with which devices, in front of what; and the picture that others will see. */
export class Lobby {
  /** Where the gallery and the device pickers live while the lobby is shown. */
  backgrounds = byId('lobby-backgrounds', HTMLElement);
  devices = byId('lobby-devices', HTMLElement);
  filter = byId('lobby-filter', HTMLElement);
  #name = byId('name', HTMLInputElement);
  #nameError = byId('name-error', HTMLElement);
  #join = byId('join', HTMLButtonElement);
  #message = byId('lobby-message', HTMLElement);
  #status = byId('lobby-status', HTMLElement);
  #present = byId('lobby-present', HTMLElement);
  #stage = byId('stage', HTMLElement);
  #preview = byId('preview', HTMLVideoElement);
  #opening = byId('lobby-opening', HTMLElement);
  #openingTimer = 0;
  /** @type {'no' | 'joining' | 'waiting'} */
  #joining = 'no';
  /** @type {'read' | 'unread' | 'awaited'} one's token, which may carry the name; awaited by whoever asked to join without one */
  #token = 'read';
  #cameraOn = false;
  #title = '';
  /** @type {Hidden | null} */
  #hidden = null;

  /**
   * @param {string} name
   * @param {LobbyEvents} events
   */
  constructor(name, events) {
    this.#name.value = name;
    this.#name.oninput = () => this.#showNameError('');
    this.#preview.muted = true;
    this.#preview.onplaying = () => this.#showStage();
    const form = byId('lobby-form', HTMLFormElement);
    // The second of two quick clicks, and a key that is held, would take back what the first one asked for.
    this.#join.onclick = (event) => {
      if (event.detail > 1) event.preventDefault();
    };
    form.onkeydown = (event) => {
      if (event.key === 'Enter' && event.repeat) event.preventDefault();
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      if (this.#joining !== 'no') return events.cancel();
      const typed = this.#name.value.trim();
      if (typed) return events.join(typed);
      if (this.#token === 'unread') return this.#await(events);
      this.#showNameError(text('lobby.name.bad'));
      this.#name.focus();
    };
    this.setJoining('no');
  }

  /** Lets people ask to join without a name until their token is read. */
  expectGrant() {
    this.#token = 'unread';
  }

  /** @param {LobbyEvents} events */
  #await(events) {
    this.setJoining('joining');
    this.#token = 'awaited';
    events.prepare();
  }

  /** Lets one type or go in at once. */
  focus() {
    (this.#name.value ? this.#join : this.#name).focus();
  }

  /** @param {'no' | 'joining' | 'waiting'} joining */
  setJoining(joining) {
    this.#joining = joining;
    if (joining === 'no' && this.#token === 'awaited') this.#token = 'unread';
    this.#join.toggleAttribute('data-busy', joining !== 'no');
    this.#join.replaceChildren(text(joining === 'no' ? 'lobby.join' : joining === 'joining' ? 'lobby.joining' : 'lobby.cancel'));
    this.#status.textContent = joining === 'waiting' ? text('lobby.waiting') : '';
    if (joining !== 'no' && document.activeElement === this.#name) this.#join.focus(); // a disabled field would lose it
    this.#name.disabled = joining !== 'no';
    if (joining !== 'no') this.say('');
  }

  /** @param {string} message what keeps one out */
  say(message) {
    this.#message.textContent = message;
  }

  /** What one's token says: the name, which is fixed then, and until when it is good.
   * @param {TokenGrant | null} grant @param {string} name */
  showGrant(grant, name) {
    const fixed = grant?.name === true;
    if (fixed) this.#name.value = name;
    this.#name.readOnly = fixed;
    if (fixed && document.activeElement === this.#name) this.#join.focus();
    const words = [fixed && text('lobby.name.fixed'), grant?.expires && text('lobby.invitation', { time: moment(grant.expires) })];
    byId('lobby-invitation', HTMLElement).textContent = words.filter(Boolean).join(' ');
    const awaited = this.#token === 'awaited';
    this.#token = 'read';
    if (!awaited) return;
    this.setJoining('no');
    byId('lobby-form', HTMLFormElement).requestSubmit();
  }

  /** @param {number | null} present how many people are in the room, or null for nothing to say */
  showPresent(present) {
    this.#present.textContent = present === null ? '' : present ? text(present === 1 ? 'lobby.present.one' : 'lobby.present', { n: present }) : text('lobby.present.none');
  }

  /**
   * Shows what comes back from the server.
   *
   * @param {MediaStreamTrack | null} track
   * @param {boolean} cameraOn
   */
  showPreview(track, cameraOn) {
    this.#cameraOn = cameraOn;
    if (setTrack(this.#preview, track)) this.#preview.play().catch(() => {}); // goes on when the first frame comes
    this.#showStage();
  }

  /** @param {boolean} on */
  setCamera(on) {
    this.#cameraOn = on;
    this.#showStage();
  }

  /** @param {boolean} there whether another tab of this browser is in the room */
  showTwin(there) {
    byId('lobby-twin', HTMLElement).hidden = !there;
  }

  /** @param {Hidden | null} why the server hides the camera for the moment */
  showHidden(why) {
    this.#hidden = why;
    this.#showStage();
  }

  /** @param {Devices} devices */
  showDevices({ state }) {
    clearTimeout(this.#openingTimer);
    this.#opening.hidden = true;
    if (!state.video.opening && !state.audio.opening) return;
    this.#openingTimer = window.setTimeout(() => { this.#opening.hidden = false; }, PATIENCE);
  }

  /** @param {Background} background */
  showBackground({ id, title, thumbnail }) {
    // A built-in picture lies beside its thumbnail.
    paint(byId('stage-back', HTMLElement), { id, address: thumbnail?.replace('.thumb.jpg', '.jpg') ?? null });
    this.#title = title;
    this.#showStage();
  }

  #showStage() {
    const live = this.#cameraOn && this.#preview.srcObject !== null && this.#preview.videoWidth > 0;
    this.#stage.dataset.preview = live ? 'live' : 'drawn';
    byId('lobby-round-trip', HTMLElement).hidden = !live;
    const words = this.#hidden && this.#cameraOn ? text(`room.hidden.${this.#hidden}`) : live ? text(document.body.dataset.mirror === 'true' ? 'lobby.exactly.mirrored' : 'lobby.exactly') : text('lobby.stage', { title: this.#title });
    const place = byId('stage-title', HTMLElement).querySelector('span');
    if (place && place.textContent !== words) place.textContent = words;
  }

  /** @param {string} message */
  #showNameError(message) {
    this.#nameError.textContent = message;
    if (message) this.#name.setAttribute('aria-invalid', 'true');
    else this.#name.removeAttribute('aria-invalid');
  }
}
