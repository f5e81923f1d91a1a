// @ts-check
/** @import {Kind, VideoLimits} from './types.js' */

/**
 * Why there is no camera or microphone.
 * @typedef {'insecure' | 'refused' | 'missing' | 'busy' | 'failed' | 'unplugged'} Problem
 */

/**
 * @typedef {object} Device
 * @property {boolean} on whether the person wants it on
 * @property {string} id the device picked, or '' for the browser's choice
 * @property {MediaStreamTrack | null} track
 * @property {Problem | null} problem
 * @property {boolean} opening
 */

/** @type {readonly Kind[]} */
const KINDS = ['video', 'audio'];
/** @type {VideoLimits} */
const DEFAULT_LIMITS = { width: 640, height: 360, frameRate: 30, maxBitrate: 1_500_000 };

/** One camera and one microphone: opening, choosing, switching off, and what went wrong. */
export class Devices {
  #changed;
  #limits = DEFAULT_LIMITS;
  /** @type {Record<Kind, Device>} */
  state;
  /** @type {Record<Kind, MediaDeviceInfo[]>} */
  available = { video: [], audio: [] };

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
    const refused = kinds.length > 1 ? await this.#tryOpen(kinds) : null;
    for (const kind of kinds) {
      if (this.state[kind].track) continue;
      if (refused === 'refused' && !(await isGranted(kind))) this.#settle(kind, null, 'refused');
      else await this.#tryOpen([kind]);
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
      state.track = null;
      state.problem = null;
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
    if (!state.on) return this.#changed(kind);
    // A phone opens one camera at a time: the old one goes first.
    state.track?.stop();
    state.track = null;
    await this.#tryOpen([kind]);
    await this.#list();
  }

  /** @param {VideoLimits} limits */
  async setLimits(limits) {
    this.#limits = limits;
    await this.state.video.track?.applyConstraints(this.#constraints('video')).catch(() => {});
  }

  /** Closes both. */
  close() {
    for (const kind of KINDS) {
      this.state[kind].track?.stop();
      this.state[kind].track = null;
    }
  }

  /**
   * Opens all of `kinds` or none.
   *
   * @param {Kind[]} kinds
   * @returns {Promise<Problem | null>}
   */
  async #tryOpen(kinds) {
    for (const kind of kinds) {
      this.state[kind].opening = true;
      this.#changed(kind);
    }
    const result = await this.#request(kinds);
    for (const kind of kinds) {
      const track = result instanceof MediaStream ? result.getTracks().find((each) => each.kind === kind) ?? null : null;
      if (track || kinds.length === 1) this.#settle(kind, track, result instanceof MediaStream ? null : result);
    }
    return result instanceof MediaStream ? null : result;
  }

  /**
   * @param {Kind[]} kinds
   * @returns {Promise<MediaStream | Problem>}
   */
  async #request(kinds) {
    if (!navigator.mediaDevices?.getUserMedia) return 'insecure';
    const wants = Object.fromEntries(kinds.map((kind) => [kind, this.#constraints(kind)]));
    try {
      return await navigator.mediaDevices.getUserMedia(wants);
    } catch (error) {
      return problemOf(error);
    }
  }

  /**
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   * @param {Problem | null} problem
   */
  #settle(kind, track, problem) {
    const state = this.state[kind];
    state.opening = false;
    state.problem = problem;
    if (track && !state.on && kind === 'video') track.stop();
    else state.track = track;
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
    track.onended = () => {
      if (this.state[kind].track !== track) return;
      this.state[kind].track = null;
      this.state[kind].problem = 'unplugged';
      this.#changed(kind);
      void this.#comeBack(); // another one may be there
    };
  }

  /**
   * @param {Kind} kind
   * @returns {MediaTrackConstraints}
   */
  #constraints(kind) {
    const { id } = this.state[kind];
    const picked = id ? { deviceId: { ideal: id } } : {};
    if (kind === 'audio') return { ...picked, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const { width, height, frameRate } = this.#limits;
    return { ...picked, width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: frameRate, max: frameRate } };
  }

  /** Opens again what was unplugged, as soon as there is something to open. */
  async #comeBack() {
    await this.#list();
    for (const kind of KINDS) {
      const { on, track, problem, opening } = this.state[kind];
      const gone = problem === 'unplugged' || problem === 'missing';
      if (on && !track && !opening && gone && this.available[kind].length) await this.#tryOpen([kind]);
    }
  }

  async #list() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    this.available = {
      video: all.filter((info) => info.kind === 'videoinput'),
      audio: all.filter((info) => info.kind === 'audioinput'),
    };
    this.#changed(null);
  }
}

/**
 * @param {{on: boolean, id: string}} wanted
 * @returns {Device}
 */
function device({ on, id }) {
  return { on, id, track: null, problem: null, opening: false };
}

/** @param {Kind} kind */
async function isGranted(kind) {
  const name = /** @type {PermissionName} */ (kind === 'video' ? 'camera' : 'microphone');
  try {
    return (await navigator.permissions.query({ name })).state === 'granted';
  } catch {
    return false; // not every browser can be asked about cameras
  }
}

/**
 * @param {unknown} error
 * @returns {Problem}
 */
function problemOf(error) {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError': case 'SecurityError': return 'refused';
    case 'NotFoundError': case 'OverconstrainedError': return 'missing';
    case 'NotReadableError': case 'AbortError': return 'busy';
    default: return 'failed';
  }
}
