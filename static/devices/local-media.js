// @ts-check
import { Devices } from './devices.js';
import { LevelMeter } from './level.js';
import { testMicrophone } from './microphone-test.js';
import { loadPreferences, savePreferences } from '../app/preferences.js';
import { DeviceFields } from '../view/device-fields.js';

/** @import {Kind} from '../protocol/types.js' */

/** What this person shows and says: devices, their pickers, the level of the microphone, and what is remembered of it. */
export class LocalMedia {
  devices;
  /** How loud the microphone is, in [0, 1]. */
  level = 0;
  #changed;
  #fields;
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
    this.#fields = new DeviceFields({
      choose: (kind, id) => this.#choose(kind, id),
      retry: () => void this.devices.open(),
      test: () => void this.#test(),
    });
  }

  /** The tracks as they are to be sent. */
  get tracks() {
    const { video, audio } = this.devices.state;
    return { video: video.track, audio: audio.track };
  }

  /** What of it the others get. */
  get media() {
    return { audio: this.isLive('audio'), video: this.isLive('video') };
  }

  /** @param {Kind} kind */
  isLive(kind) {
    const { on, track } = this.devices.state[kind];
    return on && track !== null;
  }

  /** @param {HTMLElement} place */
  moveTo(place) {
    this.#fields.moveTo(place);
    this.#show(null);
  }

  /** Switches a device, and remembers it.
   * @param {Kind} kind */
  async toggle(kind) {
    await this.devices.toggle(kind, !this.isLive(kind));
    const { on } = this.devices.state[kind];
    savePreferences(kind === 'video' ? { cameraOn: on } : { microphoneOn: on });
  }

  /** Opens or closes the microphone for a moment; nothing of it is remembered.
   * @param {boolean} on */
  async talk(on) {
    if (this.devices.state.audio.on !== on) await this.devices.toggle('audio', on);
  }

  close() {
    this.devices.close();
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

  async #test() {
    const { track } = this.devices.state.audio;
    if (track) await testMicrophone(track, (step) => this.#fields.showTest(step));
  }

  /** @param {Kind | null} kind */
  #show(kind) {
    this.#fields.show(this.devices);
    this.#listenTo(this.devices.state.audio.track);
    this.#changed(kind);
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
