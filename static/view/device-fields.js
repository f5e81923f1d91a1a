// @ts-check
import { text } from '../i18n/strings.js';
import { deviceChoices } from './device-choices.js';
import { byId, element, icon, showAction } from './dom.js';

/** @import {Device, Devices} from '../devices/devices.js' */
/** @import {Problem} from '../devices/problems.js' */
/** @import {Kind} from '../protocol/types.js' */

/** @type {Kind[]} */
const KINDS = ['video', 'audio'];
const NAMES = /** @type {const} */ ({ video: 'camera', audio: 'microphone' });

/** The pickers of camera and microphone, which move between the lobby and a dialog, and the notes on what is wrong. */
export class DeviceFields {
  #root = byId('device-fields', HTMLElement);
  #level = byId('level', HTMLElement);
  #selects = { video: byId('camera-pick', HTMLSelectElement), audio: byId('microphone-pick', HTMLSelectElement) };
  #notes = [byId('lobby-problems', HTMLElement), byId('settings-problems', HTMLElement)];
  #test = byId('microphone-test', HTMLButtonElement);
  #filter = byId('device-filter', HTMLInputElement);
  #filterField = byId('device-filter-field', HTMLElement);
  #effects = byId('effects', HTMLElement);
  #filterNote = byId('device-filter-note', HTMLElement);
  #noted = '';
  /** Whose "Try again" was pressed, until it is known how that went.
   * @type {Kind | null} */
  #retried = null;
  #retry;

  /** @param {{choose: (kind: Kind, id: string) => void, retry: () => void, test: () => void, filter: (on: boolean) => void}} events */
  constructor({ choose, retry, test, filter }) {
    this.#retry = retry;
    this.#test.onclick = test;
    this.#filter.onchange = () => filter(this.#filter.checked);
    for (const kind of KINDS) {
      const select = this.#selects[kind];
      select.onchange = () => choose(kind, select.value);
    }
  }

  /** @param {HTMLElement} place @param {HTMLElement} filterPlace of the switches of what is done to the picture */
  moveTo(place, filterPlace) {
    place.append(this.#root);
    filterPlace.append(this.#filterField, this.#effects);
  }

  /** @param {Devices} devices */
  show(devices) {
    for (const kind of KINDS) this.#fill(kind, devices);
    showAction('flip', { hidden: !devices.state.video.track || devices.nextCamera === '' || !matchMedia('(pointer: coarse)').matches });
    this.#test.hidden = !devices.state.audio.track || typeof MediaRecorder === 'undefined';
    this.#note(devices);
    this.#focusRetried(devices);
  }

  /**
   * Shows where the camera is filtered.
   *
   * @param {boolean} here whether on this device, too
   * @param {boolean} required whether that is not the person's to choose
   */
  showFilter(here, required) {
    this.#filter.checked = here;
    this.#filter.disabled = required;
    this.#filterNote.textContent = text(required ? 'device.filter.required' : 'device.filter.text');
    byId('lobby-raw', HTMLElement).textContent = text(here ? 'lobby.raw.device' : 'lobby.raw.server');
  }

  /** @param {number} level in [0, 1] */
  showLevel(level) {
    this.#level.style.setProperty('--level', level.toFixed(2));
    this.#level.setAttribute('aria-valuenow', String(Math.round(level * 100)));
  }

  /** @param {'recording' | 'playing' | 'done'} step of trying out the microphone */
  showTest(step) {
    this.#test.disabled = step !== 'done';
    this.#test.textContent = text(step === 'done' ? 'test.start' : `test.${step}`);
  }

  /**
   * @param {Kind} kind
   * @param {Devices} devices
   */
  #fill(kind, devices) {
    const { offered, chosen, known } = deviceChoices(kind, devices);
    const select = this.#selects[kind];
    const drawn = JSON.stringify(offered);
    if (select.dataset.drawn !== drawn) select.replaceChildren(...offered.map(({ id, label }) => new Option(label, id)));
    select.dataset.drawn = drawn;
    select.disabled = !known;
    select.value = chosen;
  }

  /** Redrawn only when it changed, for each drawing is read aloud.
   * @param {Devices} devices */
  #note(devices) {
    const problems = KINDS.flatMap((kind) => {
      const { problem, opening } = devices.state[kind];
      return problem && !opening ? [{ kind, problem }] : [];
    });
    const shown = problems.some(({ problem }) => problem === 'insecure') ? problems.slice(0, 1) : problems;
    const noted = JSON.stringify(shown);
    if (noted === this.#noted) return;
    this.#noted = noted;
    for (const place of this.#notes) place.replaceChildren(...shown.map(({ kind, problem }) => this.#problem(kind, problem)));
  }

  /** Gives the focus back to the new "Try again" or, where that went well, to the picker.
   * @param {Devices} devices */
  #focusRetried({ state }) {
    const kind = this.#retried;
    if (!kind || KINDS.some((each) => state[each].opening)) return;
    const places = [...document.querySelectorAll(`[data-problem^="${NAMES[kind]}"] button`), this.#selects[kind]];
    const place = places.find((each) => each instanceof HTMLElement && each.checkVisibility() && !each.matches(':disabled'));
    if (!(place instanceof HTMLElement)) return; // the picker waits for the list of devices
    this.#retried = null;
    if (document.activeElement === document.body) place.focus();
  }

  /**
   * @param {Kind} kind
   * @param {Problem} problem
   */
  #problem(kind, problem) {
    const key = problemKey(kind, problem);
    const [title, next] = [text(key), text(`${key}.next`, { remedy: text(`remedy.${problem === 'system' ? 'system' : browserName()}`) })];
    const words = element('p', {}, element('strong', {}, title), ` ${next}`);
    const note = element('div', { class: 'problem', 'data-problem': `${NAMES[kind]}-${problem}` }, icon('alert'), words);
    if (problem === 'insecure' || problem === 'muted') return note;
    const again = element('button', { type: 'button', class: 'secondary' }, text('device.retry'));
    again.onclick = () => {
      this.#retried = kind;
      this.#retry();
    };
    note.append(again);
    return note;
  }
}

/** Which way to the permissions this browser has.
 * @returns {'firefox' | 'ios' | 'safari' | 'chromium'} */
function browserName() {
  const { userAgent } = navigator;
  if (/iPhone|iPad/.test(userAgent)) return 'ios';
  if (/Firefox\//.test(userAgent)) return 'firefox';
  return /Safari\//.test(userAgent) && !/Chrome\/|Chromium\//.test(userAgent) ? 'safari' : 'chromium';
}

/** The text that names a problem; with `.next` the one that says what to do.
 * @param {Kind} kind @param {Problem} problem */
export function problemKey(kind, problem) {
  if (problem === 'insecure' || problem === 'filter') return /** @type {const} */ (`problem.${problem}`);
  return /** @type {const} */ (`problem.${kind}.${problem === 'system' ? 'refused' : problem}`);
}

/**
 * Labels the buttons of camera and microphone with what they do now.
 *
 * @param {Record<Kind, boolean>} live
 * @param {Record<Kind, Device>} state
 */
export function showSwitches(live, state) {
  for (const kind of KINDS) {
    const symbol = kind === 'video' ? 'camera' : 'mic';
    const blocked = state[kind].on && state[kind].problem === 'muted';
    const caption = text(`toolbar.${NAMES[kind]}.${blocked ? 'is-blocked' : live[kind] ? 'is-on' : 'is-off'}`);
    showAction(NAMES[kind], {
      on: live[kind],
      icon: live[kind] ? symbol : `${symbol}-off`,
      label: `${caption}: ${text(`device.${NAMES[kind]}.${live[kind] || blocked ? 'on' : 'off'}`)}`, // what is read begins with what is seen
      caption,
    });
  }
}
