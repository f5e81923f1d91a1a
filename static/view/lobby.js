// @ts-check
import { text } from '../strings.js';
import { showSwitch } from './device-fields.js';
import { byId } from './dom.js';
import { paint } from './picker.js';

/** @import {Devices} from '../devices.js' */
/** @import {Background, Kind} from '../types.js' */

/**
 * @typedef {object} LobbyEvents
 * @property {(name: string) => void} join
 * @property {() => void} cancel
 * @property {(kind: Kind) => void} toggle
 */

const PATIENCE = 800;

/** The room before the room: who, with which devices, in front of what. */
export class Lobby {
  /** Where the gallery and the device pickers live while the lobby is shown. */
  backgrounds = byId('lobby-backgrounds', HTMLElement);
  devices = byId('lobby-devices', HTMLElement);
  #name = byId('name', HTMLInputElement);
  #nameError = byId('name-error', HTMLElement);
  #join = byId('join', HTMLButtonElement);
  #message = byId('lobby-message', HTMLElement);
  #camera = byId('lobby-camera', HTMLButtonElement);
  #microphone = byId('lobby-microphone', HTMLButtonElement);
  #opening = byId('lobby-opening', HTMLElement);
  #openingTimer = 0;
  #joining = false;

  /**
   * @param {string} name
   * @param {LobbyEvents} events
   */
  constructor(name, events) {
    this.#name.value = name;
    this.#name.oninput = () => this.#showNameError('');
    this.#camera.onclick = () => events.toggle('video');
    this.#microphone.onclick = () => events.toggle('audio');
    byId('lobby-form', HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      if (this.#joining) return events.cancel();
      const typed = this.#name.value.trim();
      if (typed) return events.join(typed);
      this.#showNameError(text('lobby.name.bad'));
      this.#name.focus();
    };
  }

  focus() {
    (this.#name.value ? this.#join : this.#name).focus({ preventScroll: true });
  }

  /** @param {boolean} joining */
  setJoining(joining) {
    this.#joining = joining;
    this.#join.toggleAttribute('data-busy', joining);
    this.#join.replaceChildren(text(joining ? 'lobby.joining' : 'lobby.join'));
    if (joining) this.say('');
  }

  /** @param {string} message */
  say(message) {
    this.#message.textContent = message;
  }

  /** @param {Devices} devices */
  showDevices({ state }) {
    showSwitch(this.#camera, 'video', state.video.on && !state.video.problem);
    showSwitch(this.#microphone, 'audio', state.audio.on && !state.audio.problem);
    clearTimeout(this.#openingTimer);
    this.#opening.hidden = true;
    if (!state.video.opening && !state.audio.opening) return;
    // What opens this slowly waits for an answer to the browser's question.
    this.#openingTimer = window.setTimeout(() => { this.#opening.hidden = false; }, PATIENCE);
  }

  /** @param {Background} background */
  showBackground({ id, title, thumbnail }) {
    // A built-in picture lies beside its thumbnail.
    paint(byId('stage-back', HTMLElement), { id, address: thumbnail?.replace('.thumb.jpg', '.jpg') ?? null });
    byId('stage-title', HTMLElement).textContent = text('lobby.stage', { title });
  }

  /** @param {string} message */
  #showNameError(message) {
    this.#nameError.textContent = message;
    this.#name.toggleAttribute('aria-invalid', message !== '');
  }
}
