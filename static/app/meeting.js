// @ts-check
/** @import {RoomController} from './room-controller.js' */
/** @import {BackgroundController} from './background-controller.js' */
/** @import {LocalMedia} from '../devices/local-media.js' */

/** Between two tries to load it, in ms; chosen. */
const RETRY = 2000;

/** What only the meeting needs: loaded while one is in the lobby. */
export class Meeting {
  /** @type {RoomController | null} */
  controller = null;
  #parts;
  #retry;
  #timer = 0;
  /** @type {Promise<typeof import('./room-controller.js')> | null} */
  #loading = null;

  /**
   * @param {() => void} retry told a little after it could not be loaded
   * @param {[room: string, local: LocalMedia, backgrounds: BackgroundController]} parts
   */
  constructor(retry, ...parts) {
    this.#retry = retry;
    this.#parts = parts;
  }

  /** Loads it; tells whether it is there, or the server can't be reached.
   * @returns {Promise<boolean>} */
  async load() {
    this.#loading ??= import('./room-controller.js');
    try {
      const { RoomController } = await this.#loading;
      if (this.controller) return true;
      this.controller = new RoomController(...this.#parts);
    } catch (error) {
      if (this.controller || !(error instanceof TypeError)) throw error;
      this.#loading = null;
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => this.controller ?? this.#retry(), RETRY);
      return false;
    }
    this.controller.followDevices();
    return true;
  }
}
