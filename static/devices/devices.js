// @ts-check
import { isGranted, problemOf } from './problems.js';

/** @import {Problem} from './problems.js' */
/** @import {Kind, VideoLimits} from '../protocol/types.js' */

/**
 * @typedef {object} Device
 * @property {boolean} on whether the person wants it on
 * @property {string} id the device picked, or '' for the browser's choice
 * @property {MediaStreamTrack | null} track
 * @property {Problem | null} problem
 * @property {string} gone the id of the device that was unplugged and is waited for, or ''
 * @property {number} opening the number of the request that is waited for, or 0
 */

/** @type {readonly Kind[]} */
const KINDS = ['video', 'audio'];
/** @type {VideoLimits} */
const DEFAULT_LIMITS = { width: 1280, height: 720, frameRate: 30, maxBitrate: 2_500_000 };
/** What a picture that is to be small has at most. */
const SMALL = { width: 640, height: 360 };
/** How long a device may be muted before that counts, in ms; chosen. Chromium mutes a camera that brings no picture for the time of 25, 0.8 s,
 * which on a busy machine may be no switch at all. */
const MUTED = 2000;

/** One camera and one microphone: opening, choosing, switching off, and what went wrong. */
export class Devices {
  #changed;
  #limits = DEFAULT_LIMITS;
  #isSmall = false;
  /** What the browser does to the sound. */
  #processing = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  /** How many requests there have been. */
  #requests = 0;
  /** @type {Record<Kind, Device>} */
  state;
  /** @type {Record<Kind, MediaDeviceInfo[]>} */
  available = { video: [], audio: [] };
  /** Where sound can come from, besides the browser's choice.
   * @type {MediaDeviceInfo[]} */
  loudspeakers = [];

  /**
   * @param {Record<Kind, {on: boolean, id: string}>} wanted
   * @param {(kind: Kind | null) => void} changed told of a new track, problem or switch of `kind`, or (null) of new lists
   */
  constructor(wanted, changed) {
    this.#changed = changed;
    this.state = { video: device(wanted.video), audio: device(wanted.audio) };
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#comeBack());
  }

  /** Opens what is wanted, with one question to the person where the browser can ask for both at once. */
  async open() {
    const kinds = KINDS.filter((kind) => this.state[kind].on && !this.state[kind].track);
    const request = this.#begin(kinds);
    const refused = kinds.length > 1 ? await this.#tryOpen(kinds, request) : null;
    for (const kind of kinds) {
      if (this.state[kind].opening !== request) continue; // it is there, or is not waited for any more
      if (refused === 'refused' && !(await isGranted(kind))) this.#settle(kind, request, null, 'refused');
      else await this.#tryOpen([kind], request);
    }
    await this.#list();
  }

  /**
   * Switches a camera off by closing it, so that its light goes out; a microphone stays open, silent.
   *
   * @param {Kind} kind
   * @param {boolean} on
   */
  async toggle(kind, on) {
    const state = this.state[kind];
    state.on = on;
    if (on && !state.track) return this.open();
    if (!on && kind === 'video') {
      state.track?.stop();
      Object.assign(state, device(state));
    }
    if (state.track) state.track.enabled = on;
    this.#changed(kind);
  }

  /**
   * @param {Kind} kind
   * @param {string} id
   */
  async choose(kind, id) {
    const state = this.state[kind];
    state.id = id;
    if (!state.on && !state.track) return this.#changed(kind);
    // A phone opens one camera at a time: the old one goes first.
    state.track?.stop();
    state.track = null;
    await this.#tryOpen([kind]);
    await this.#list();
  }

  /** @param {VideoLimits} limits */
  async setLimits(limits) {
    this.#limits = limits;
    await this.#resize();
  }

  /** @param {boolean} isSmall whether small pictures do, however large ones may be sent */
  setSmall(isSmall) {
    if (isSmall === this.#isSmall) return;
    this.#isSmall = isSmall;
    void this.#resize();
  }

  async #resize() {
    await this.state.video.track?.applyConstraints(this.#constraints('video', '')).catch(() => {});
  }

  /** @param {{echoCancellation: boolean, noiseSuppression: boolean, autoGainControl: boolean}} processing of the microphone */
  async setProcessing({ echoCancellation, noiseSuppression, autoGainControl }) {
    this.#processing = { echoCancellation, noiseSuppression, autoGainControl };
    await this.state.audio.track?.applyConstraints(this.#constraints('audio', '')).catch(() => {});
  }

  /** The camera after the one in use, or ''. */
  get nextCamera() {
    const ids = this.available.video.map(({ deviceId }) => deviceId);
    const used = ids.indexOf(this.state.video.track?.getSettings().deviceId ?? '');
    return ids.length > 1 ? ids[(used + 1) % ids.length] : '';
  }

  /** Closes a device of which nothing can be sent.
   * @param {Kind} kind @param {Problem} problem */
  reject(kind, problem) {
    const state = this.state[kind];
    state.track?.stop();
    state.track = null;
    state.problem = problem;
    this.#changed(kind);
  }

  /** Closes both, and forgets what was wrong, so that nothing opens by itself. */
  close() {
    for (const state of Object.values(this.state)) {
      state.track?.stop();
      Object.assign(state, device(state));
    }
  }

  /** Asks for `kinds` anew: what older requests bring is not waited for any more.
   * @param {Kind[]} kinds */
  #begin(kinds) {
    this.#requests += 1;
    for (const kind of kinds) {
      this.state[kind].opening = this.#requests;
      this.#changed(kind);
    }
    return this.#requests;
  }

  /**
   * Opens all of `kinds` or none.
   *
   * @param {Kind[]} kinds
   * @param {number} request
   * @returns {Promise<Problem | null>}
   */
  async #tryOpen(kinds, request = this.#begin(kinds)) {
    const result = await this.#request(kinds);
    for (const kind of kinds) {
      const track = result instanceof MediaStream ? result.getTracks().find((each) => each.kind === kind) ?? null : null;
      if (track || kinds.length === 1) this.#settle(kind, request, track, result instanceof MediaStream ? null : result);
    }
    return result instanceof MediaStream ? null : result;
  }

  /**
   * @param {Kind[]} kinds
   * @param {boolean} picky whether only the devices picked will do
   * @returns {Promise<MediaStream | Problem>}
   */
  async #request(kinds, picky = true) {
    if (!navigator.mediaDevices?.getUserMedia) return 'insecure';
    const wants = Object.fromEntries(kinds.map((kind) => [kind, this.#constraints(kind, picky ? this.state[kind].id || this.state[kind].gone : '')]));
    try {
      return await navigator.mediaDevices.getUserMedia(wants);
    } catch (error) {
      const { name, message } = /** @type {DOMException} */ (error);
      // The device picked may be gone. Of two, each is asked for by itself, so that the other one stays as picked.
      if (name === 'OverconstrainedError' && picky && kinds.length === 1) return this.#request(kinds, false);
      return problemOf(name, message);
    }
  }

  /**
   * Takes in how a request went, unless it is not waited for any more.
   *
   * @param {Kind} kind
   * @param {number} request
   * @param {MediaStreamTrack | null} track
   * @param {Problem | null} problem
   */
  #settle(kind, request, track, problem) {
    const state = this.state[kind];
    if (state.opening !== request) return track?.stop();
    Object.assign(state, { opening: 0, problem, track, gone: '' });
    if (track) this.#watch(kind, track);
    this.#changed(kind);
  }

  /**
   * @param {Kind} kind
   * @param {MediaStreamTrack} track
   */
  #watch(kind, track) {
    track.contentHint = kind === 'video' ? 'motion' : 'speech';
    track.enabled = this.state[kind].on;
    const { deviceId = '' } = track.getSettings();
    track.onended = () => {
      if (this.state[kind].track !== track) return;
      Object.assign(this.state[kind], { track: null, problem: 'unplugged', gone: deviceId });
      this.#changed(kind);
      void this.#comeBack();
    };
    const follow = () => this.#followMute(kind, track);
    const wait = () => void setTimeout(follow, MUTED);
    track.onmute = wait;
    track.onunmute = follow;
    wait(); // it may be muted from the start
  }

  /** Takes in whether the system, by a switch for privacy say, keeps a device from bringing anything.
   * @param {Kind} kind @param {MediaStreamTrack} track */
  #followMute(kind, track) {
    const state = this.state[kind];
    if (state.track !== track || track.muted === (state.problem === 'muted')) return;
    state.problem = track.muted ? 'muted' : null;
    this.#changed(kind);
  }

  /**
   * @param {Kind} kind
   * @param {string} id of a device, or '' for any
   * @returns {MediaTrackConstraints}
   */
  #constraints(kind, id) {
    const picked = id ? { deviceId: { exact: id } } : {}; // Chromium does not care for an ideal one
    if (kind === 'audio') return { ...picked, ...this.#processing };
    const { frameRate } = this.#limits;
    const { width, height } = this.#isSmall && this.#limits.height > SMALL.height ? SMALL : this.#limits;
    return { ...picked, width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: frameRate, max: frameRate } };
  }

  /** Opens what was missing or unplugged as soon as it is there. */
  async #comeBack() {
    await this.#list();
    for (const kind of KINDS) {
      const { on, track, opening } = this.state[kind];
      if (on && !track && !opening && this.#isBack(kind)) await this.#tryOpen([kind]);
    }
  }

  /** Whether what was missing is there. In the place of what was unplugged nothing else is opened unasked: one may have meant to be seen
   * no more. A device without an id is one that may be used no more, which the browser says when it is asked.
   * @param {Kind} kind */
  #isBack(kind) {
    const { problem, gone } = this.state[kind];
    const ids = this.available[kind].map(({ deviceId }) => deviceId);
    if (problem !== 'unplugged') return problem === 'missing' && ids.length > 0;
    return ids.some((id) => id === gone || !id || !gone);
  }

  async #list() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    this.available = {
      video: all.filter((info) => info.kind === 'videoinput'),
      audio: all.filter((info) => info.kind === 'audioinput'),
    };
    this.loudspeakers = all.filter(({ kind, deviceId }) => kind === 'audiooutput' && deviceId !== 'default' && deviceId !== '');
    this.#changed(null);
  }
}

/**
 * @param {{on: boolean, id: string}} wanted
 * @returns {Device}
 */
function device({ on, id }) {
  return { on, id, track: null, problem: null, gone: '', opening: 0 };
}
