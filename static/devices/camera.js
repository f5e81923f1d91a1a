// @ts-check
import { DeviceFilter } from './device-filter/device-filter.js';

/** @import {FilteredCamera} from './device-filter/device-filter.js' */

/** A camera's own picture, which only the server filters. Nobody but Camera makes one, while the filter on this device is off. */
class UnfilteredTrack {
  #track;

  /** @param {MediaStreamTrack} track */
  constructor(track) {
    this.#track = track;
  }

  get track() {
    return this.#track;
  }
}

/**
 * What may be sent of a camera. A MediaStreamTrack is none: the type is what keeps an unfiltered picture from being sent
 * while the filter on this device is on.
 * @typedef {UnfilteredTrack | FilteredCamera} OutgoingCamera
 */

/** The camera between the device and the connection: as it is, or what the filter on this device makes of it. */
export class Camera {
  /** @type {OutgoingCamera | null} */
  outgoing = null;
  #changed;
  #failed;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #filters = false;
  /** @type {DeviceFilter | null} */
  #filter = null;

  /**
   * @param {() => void} changed told of another `outgoing` that comes by itself
   * @param {() => void} failed told when the filter can't go on; nothing is sent any more
   */
  constructor(changed, failed) {
    this.#changed = changed;
    this.#failed = failed;
  }

  /** Whether the filter is on its way. */
  get isStarting() {
    return this.#filter?.state === 'loading';
  }

  /**
   * Takes the camera that is open now. Until the filter has begun, nothing is sent.
   *
   * @param {MediaStreamTrack | null} track
   * @param {boolean} filters whether it is to be filtered on this device
   */
  update(track, filters) {
    if (track === this.#track && filters === this.#filters) return;
    this.#filter?.close();
    this.#track = track;
    this.#filters = filters;
    this.#filter = null;
    this.outgoing = null;
    if (track && filters) this.#filter = new DeviceFilter(track, () => this.#follow());
    else if (track) this.outgoing = new UnfilteredTrack(track);
  }

  #follow() {
    const filter = this.#filter;
    if (!filter || filter.state === 'closed') return;
    this.outgoing = filter.output;
    if (filter.state !== 'failed') return this.#changed();
    this.#filter = null;
    this.#failed();
  }
}
