// @ts-check
/** @import {CameraRequest, VideoLimits} from '../protocol/types.js' */

/** Lines of the small picture: the shorter side, so that a telephone held upright counts alike. */
const SMALL = 360;
/** Bit/s of the uplink, by the browser's estimate, from which on the picture may be large, and below which it is
 * small again. Chosen. */
const ENOUGH = 1_000_000;
const TOO_LITTLE = 700_000;

/** How large the camera's picture is sent, and why it is no larger: as the server allows, and small to save data or on a narrow line. */
export class PictureSize {
  #limits = { frameRate: 30, lines: SMALL, maxBitrate: 0 };
  #allowed = SMALL;
  #frameRate = 30;
  #isNarrow = false;
  #isSaving = false;
  /** Lines that are sent, 0 while there is no picture. */
  lines = 0;

  /** @param {VideoLimits} limits */
  begin({ width, height, frameRate, maxBitrate, scaleDown = 1 }) {
    this.#limits = { frameRate, lines: Math.min(width, height), maxBitrate };
    this.ask({ frameRate, scaleDown });
  }

  /** Takes what the server wants.
   * @param {Pick<CameraRequest, 'frameRate' | 'scaleDown'>} wanted */
  ask({ frameRate, scaleDown }) {
    this.#frameRate = frameRate;
    this.#allowed = Math.round(this.#limits.lines / scaleDown);
  }

  /** @param {boolean} saving whether the person wants to save data */
  save(saving) {
    this.#isSaving = saving;
  }

  /** @param {number | undefined} bitrate that the line carries; not every browser estimates it */
  measure(bitrate) {
    if (bitrate !== undefined) this.#isNarrow = bitrate < (this.#isNarrow ? ENOUGH : TOO_LITTLE);
  }

  /** Why it is not as large as the server's limits: `server`, `saver`, `connection`, or '' where nothing but the camera is in the way.
   * @returns {'' | 'server' | 'saver' | 'connection'} */
  get why() {
    if (this.lines > this.#most) return '';
    if (this.#allowed < this.#limits.lines) return 'server';
    if (this.#most >= this.#limits.lines) return '';
    return this.#isSaving ? 'saver' : 'connection';
  }

  /** What to tell the sender of a track. A track that does not know its size is sent as it is.
   * @param {MediaStreamTrack | null | undefined} track */
  encoding(track) {
    const { width = 0, height = 0 } = track?.getSettings() ?? {};
    const lines = Math.min(width, height);
    const divisor = Math.max(1, lines / this.#most);
    this.lines = Math.round(lines / divisor);
    const share = Math.min(1, (this.lines || this.#most) / this.#limits.lines);
    return { maxFramerate: this.#frameRate, scaleResolutionDownBy: divisor, maxBitrate: Math.round(share * this.#limits.maxBitrate) };
  }

  get #most() {
    return this.#isSaving || this.#isNarrow ? Math.min(SMALL, this.#allowed) : this.#allowed;
  }
}

/** The browser's estimate of the uplink in bit/s.
 * @param {RTCStatsReport} stats
 * @returns {number | undefined} */
export function uplinkOf(stats) {
  /** @type {number | undefined} */
  let bitrate;
  stats.forEach((entry) => {
    if (entry.type === 'candidate-pair' && entry.nominated) bitrate = entry.availableOutgoingBitrate ?? bitrate;
  });
  return bitrate;
}
