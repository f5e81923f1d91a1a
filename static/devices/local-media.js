// @ts-check
import { Camera } from './camera.js';
import { isFiltered } from './device-filter/device-filter.js';
import { Devices } from './devices.js';
import { LevelMeter } from './level.js';
import { testMicrophone } from './microphone-test.js';
import { loadPreferences, savePreferences } from '../app/preferences.js';
import { text } from '../i18n/strings.js';
import { DeviceFields, problemKey } from '../view/device-fields.js';
import { DeviceMenus } from '../view/device-menus.js';
import { announce, notify, warn } from '../view/notices.js';

/** @import {Kind} from '../protocol/types.js' */

/** What is said of a device that was switched off, or on. */
const SWITCHED = /** @type {const} */ ({ video: ['room.dark.self', 'room.light.self'], audio: ['room.muted.self', 'room.unmuted.self'] });
/** A telephone's picture stays small, for its battery's sake. */
const IS_PHONE = /Mobi|Android|iPhone/.test(navigator.userAgent);

/** What this person shows and says: devices, their pickers, the level of the microphone, and what is remembered of it. */
export class LocalMedia {
  devices;
  /** How loud the microphone is, in [0, 1]. */
  level = 0;
  #changed;
  #fields;
  #menus;
  #camera = new Camera(() => this.#show('video'), () => this.devices.reject('video', 'filter'));
  #filters = loadPreferences().deviceFilter;
  /** Whether the room or a token wants the filter on this device. */
  #mustFilter = false;
  /** Which the system keeps off. */
  #blocked = { video: false, audio: false };
  /** @type {LevelMeter | null} */
  #meter = null;
  /** The track that the meter listens to.
   * @type {MediaStreamTrack | null} */
  #metered = null;

  /** @param {(kind: Kind | null) => void} changed as of Devices */
  constructor(changed) {
    const { camera, microphone, cameraOn, microphoneOn } = loadPreferences();
    this.#changed = changed;
    this.devices = new Devices({ video: { on: cameraOn, id: camera }, audio: { on: microphoneOn, id: microphone } }, (kind) => this.#show(kind));
    this.devices.setSmall(IS_PHONE || this.filtersHere);
    this.applyProcessing();
    this.#fields = new DeviceFields({
      choose: (kind, id) => this.#choose(kind, id),
      retry: () => void this.devices.open(),
      test: () => void this.#test(),
      filter: (on) => this.#filter(on),
    });
    this.#menus = new DeviceMenus(this.devices, (kind, id) => this.#choose(kind, id));
  }

  /** The tracks as they are to be sent. */
  get tracks() {
    return { video: this.#camera.outgoing, audio: this.devices.state.audio.track };
  }

  /** What of it the others get. */
  get media() {
    const { outgoing } = this.#camera;
    return { audio: this.isLive('audio'), video: this.isLive('video') && outgoing !== null, deviceFilter: isFiltered(outgoing) };
  }

  /** Whether the camera is filtered on this device, too. */
  get filtersHere() {
    return this.#filters || this.#mustFilter;
  }

  /** Takes the room's or a token's word on the filter on this device.
   * @param {boolean} required */
  requireFilter(required) {
    if (required === this.#mustFilter) return;
    const before = this.filtersHere;
    this.#mustFilter = required;
    this.#show('video');
    if (before && !this.filtersHere) notify(text('device.filter.free'));
  }

  /** @param {Kind} kind */
  isLive(kind) {
    const { on, track, problem } = this.devices.state[kind];
    return on && track !== null && problem === null;
  }

  /** @param {HTMLElement} place @param {HTMLElement} [filterPlace] of the switches of what is done to the picture */
  moveTo(place, filterPlace = place) {
    this.#fields.moveTo(place, filterPlace);
    this.#show(null);
  }

  /** Switches a device, and remembers it.
   * @param {Kind} kind */
  async toggle(kind) {
    const { on, track } = this.devices.state[kind];
    await this.devices.toggle(kind, !on || !track);
    const state = this.devices.state[kind];
    savePreferences(kind === 'video' ? { cameraOn: state.on } : { microphoneOn: state.on });
    if (!state.on || this.isLive(kind)) announce(text(SWITCHED[kind][Number(state.on)]));
  }

  /** Switches a device off, if it is on.
   * @param {Kind} kind */
  async silence(kind) {
    if (this.devices.state[kind].on) await this.toggle(kind);
  }

  /** Opens or closes the microphone for a moment; nothing of it is remembered.
   * @param {boolean} on */
  async talk(on) {
    if (this.devices.state.audio.on !== on) await this.devices.toggle('audio', on);
  }

  /** Takes the next camera, as the one at the back of a phone. */
  flip() {
    const next = this.devices.nextCamera;
    if (next) this.#choose('video', next);
  }

  /** Has the browser treat the microphone's sound as is wanted now. */
  applyProcessing() {
    void this.devices.setProcessing(loadPreferences());
  }

  close() {
    this.devices.close();
    this.#camera.update(null, this.filtersHere);
    this.#listenTo(null);
  }

  /**
   * @param {Kind} kind
   * @param {string} id
   */
  #choose(kind, id) {
    savePreferences(kind === 'video' ? { camera: id } : { microphone: id });
    void this.devices.choose(kind, id);
  }

  /** @param {boolean} on */
  #filter(on) {
    this.#filters = on;
    savePreferences({ deviceFilter: on });
    this.#show('video');
  }

  async #test() {
    const { track } = this.devices.state.audio;
    if (track) await testMicrophone(track, (step) => this.#fields.showTest(step));
  }

  /** @param {Kind | null} kind */
  #show(kind) {
    this.devices.setSmall(IS_PHONE || this.filtersHere); // what is filtered here costs this device by its size
    this.#camera.update(this.devices.state.video.track, this.filtersHere);
    this.#fields.show(this.devices);
    this.#menus.refresh();
    this.#fields.showFilter(this.filtersHere, this.#mustFilter);
    this.#listenTo(this.devices.state.audio.track);
    if (kind) this.#say(kind);
    this.#changed(kind);
  }

  /** Says in a meeting what keeps a device off that is on, and everywhere when the system does so no more.
   * @param {Kind} kind */
  #say(kind) {
    const { on, problem, opening } = this.devices.state[kind];
    if (on && problem && !opening && document.body.dataset.state === 'room') warn(text(problemKey(kind, problem)));
    if (this.#blocked[kind] && this.isLive(kind)) notify(text(SWITCHED[kind][1]));
    this.#blocked[kind] = problem === 'muted';
  }

  /** @param {MediaStreamTrack | null} track */
  #listenTo(track) {
    if (track === this.#metered) return;
    this.#meter?.close();
    this.#metered = track;
    this.level = 0;
    this.#meter = track && new LevelMeter(track, (level) => {
      this.level = level;
      this.#fields.showLevel(level);
    });
    if (!track) this.#fields.showLevel(0);
  }
}
