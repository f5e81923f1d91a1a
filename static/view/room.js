// @ts-check
import { text } from '../strings.js';
import { showSwitch } from './device-fields.js';
import { byId } from './dom.js';
import { FilterDialog } from './filter-dialog.js';
import { Tiles } from './tiles.js';

/** @import {Devices} from '../devices.js' */
/** @import {Participant, Kind} from '../types.js' */

/**
 * @typedef {object} RoomEvents
 * @property {(kind: Kind) => void} toggle
 * @property {() => void} invite
 * @property {() => void} leave
 * @property {() => void} openBackgrounds the panel has just been opened
 */

/** The meeting: tiles, toolbar, the background panel, dialogs and shortcuts. */
export class Room {
  /** Where the gallery and the device pickers live while the meeting runs. */
  backgrounds = byId('room-backgrounds', HTMLElement);
  devices = byId('settings-devices', HTMLElement);
  filter = new FilterDialog();
  tiles = new Tiles(() => { this.#hear.hidden = false; });
  #hear = byId('hear', HTMLButtonElement);
  #panel = byId('panel', HTMLElement);
  #background = byId('background', HTMLButtonElement);
  #camera = byId('camera', HTMLButtonElement);
  #microphone = byId('microphone', HTMLButtonElement);
  #banner = byId('banner', HTMLElement);
  #count = byId('count', HTMLElement);
  #help = byId('help-dialog', HTMLDialogElement);
  #events;

  /** @param {RoomEvents} events */
  constructor(events) {
    this.#events = events;
    this.#camera.onclick = () => events.toggle('video');
    this.#microphone.onclick = () => events.toggle('audio');
    this.#background.onclick = () => this.togglePanel();
    byId('panel-close', HTMLButtonElement).onclick = () => this.togglePanel(false);
    byId('settings', HTMLButtonElement).onclick = () => byId('settings-dialog', HTMLDialogElement).showModal();
    byId('help', HTMLButtonElement).onclick = () => this.#help.showModal();
    byId('invite', HTMLButtonElement).onclick = events.invite;
    byId('alone-invite', HTMLButtonElement).onclick = events.invite;
    byId('leave', HTMLButtonElement).onclick = events.leave;
    this.#hear.onclick = () => {
      this.#hear.hidden = true;
      this.tiles.hear();
    };
    window.addEventListener('keydown', (event) => this.#shortcut(event));
    closeOnBackdrop();
  }

  /**
   * @param {Participant[]} participants
   * @param {string} self
   */
  showParticipants(participants, self) {
    const [number, words] = this.#count.querySelectorAll('span');
    number.textContent = String(participants.length);
    words.textContent = text('room.count', { n: participants.length });
    byId('alone', HTMLElement).hidden = participants.length > 1;
    this.tiles.show(participants, self);
  }

  /** @param {Devices} devices */
  showDevices({ state }) {
    const audio = state.audio.on && state.audio.track !== null;
    const video = state.video.on && state.video.track !== null;
    showSwitch(this.#microphone, 'audio', audio);
    showSwitch(this.#camera, 'video', video);
    caption(this.#microphone, text(audio ? 'toolbar.microphone' : 'toolbar.microphone.off'));
    caption(this.#camera, text('toolbar.camera'));
  }

  /** @param {string} words nothing hides the banner */
  showBanner(words) {
    this.#banner.hidden = words === '';
    this.#banner.textContent = words;
  }

  focus() {
    this.#microphone.focus({ preventScroll: true });
  }

  /** Back to how it is before anybody came. */
  reset() {
    this.togglePanel(false);
    this.showBanner('');
    this.tiles.clear();
    this.#hear.hidden = true;
    for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  }

  /** @param {boolean} [open] */
  togglePanel(open = !this.#isPanelOpen) {
    if (open === this.#isPanelOpen) return;
    const held = this.#panel.contains(document.activeElement);
    this.#panel.hidden = !open;
    this.#background.setAttribute('aria-expanded', String(open));
    if (open) this.#events.openBackgrounds();
    else if (held) this.#background.focus();
  }

  get #isPanelOpen() {
    return !this.#panel.hidden;
  }

  /** @param {KeyboardEvent} event */
  #shortcut(event) {
    if (document.body.dataset.state !== 'room' || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape') return this.togglePanel(false);
    const { target } = event;
    const typing = target instanceof HTMLElement && target.matches('select, textarea, input:not([type=radio], [type=color])');
    if (typing) return;
    const action = this.#shortcuts[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** @type {Record<string, () => void>} */
  #shortcuts = {
    'm': () => this.#events.toggle('audio'),
    'v': () => this.#events.toggle('video'),
    'b': () => this.togglePanel(),
    '?': () => this.#help.showModal(),
  };
}

/**
 * @param {HTMLButtonElement} button
 * @param {string} words
 */
function caption(button, words) {
  const span = button.querySelector('span');
  if (span) span.textContent = words;
}

/** A click beside a dialog closes it. */
function closeOnBackdrop() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) dialog.close();
    });
  }
}
