// @ts-check
import { loadPreferences, savePreferences } from '../app/preferences.js';
import { canChooseLoudspeaker, chooseLoudspeaker, playNotes } from '../devices/loudspeaker.js';
import { loudspeakerChoices } from './device-choices.js';
import { byId } from './dom.js';

/** @import {Preferences} from '../app/preferences.js' */
/** @import {Devices} from '../devices/devices.js' */

/** What the browser may do to the sound of a microphone. */
const PROCESSING = /** @type {const} */ (['noiseSuppression', 'echoCancellation', 'autoGainControl']);
const EVENTS = /** @type {const} */ (['join', 'knock', 'hand', 'message']);
/** The tone to try a loudspeaker with, in Hz. */
const TONE = [440, 554, 659];

/** The settings that are this browser's own: sound, one's own picture, what calls for attention. */
export class Settings {
  #speaker = byId('speaker-pick', HTMLSelectElement);

  /** @param {{processing: () => void, self: () => void, effects: () => void}} changed told when the microphone's processing,
   *   the own picture's looks, or what the server does to it change */
  constructor({ processing, self, effects }) {
    const kept = loadPreferences();
    byId('speaker-field', HTMLElement).hidden = !canChooseLoudspeaker;
    this.#speaker.onchange = () => chooseLoudspeaker(this.#speaker.value);
    byId('speaker-test', HTMLButtonElement).onclick = () => void playNotes(TONE);
    for (const name of PROCESSING) bind(name, kept[name], (on) => save({ [name]: on }, processing));
    for (const name of /** @type {const} */ (['mirror', 'hideSelf'])) bind(name, kept[name], (on) => save({ [name]: on }, self));
    for (const name of /** @type {const} */ (['framing', 'lowLight'])) bind(name, kept[name], (on) => save({ [name]: on }, effects));
    for (const event of EVENTS) {
      bind(`sound-${event}`, kept.sounds.includes(event), (on) => {
        const { sounds } = loadPreferences();
        savePreferences({ sounds: on ? [...sounds, event] : sounds.filter((each) => each !== event) });
      });
    }
    const notify = bind('notifications', kept.notifications, (on) => void this.#askToNotify(on));
    notify.disabled = typeof Notification === 'undefined';
    this.showSelf();
  }

  /** Lists the loudspeakers there are now.
   * @param {Devices} devices */
  show(devices) {
    const { offered, chosen } = loudspeakerChoices(devices);
    this.#speaker.replaceChildren(...offered.map(({ id, label }) => new Option(label, id)));
    this.#speaker.value = chosen;
  }

  /** Shows one's own picture as one wants it. */
  showSelf() {
    document.body.dataset.mirror = String(loadPreferences().mirror);
  }

  /** @param {boolean} on */
  async #askToNotify(on) {
    const allowed = on && await Notification.requestPermission() === 'granted';
    byId('notifications', HTMLInputElement).checked = allowed;
    savePreferences({ notifications: allowed });
  }
}

/**
 * @param {Partial<Preferences>} changes
 * @param {() => void} changed
 */
function save(changes, changed) {
  savePreferences(changes);
  changed();
}

/**
 * @param {string} id of a switch
 * @param {boolean} on
 * @param {(on: boolean) => void} changed
 */
function bind(id, on, changed) {
  const input = byId(id, HTMLInputElement);
  input.checked = on;
  input.onchange = () => changed(input.checked);
  return input;
}
