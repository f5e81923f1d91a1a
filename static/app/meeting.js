// @ts-check
/** @import {RoomController} from './room-controller.js' */
/** @import {BackgroundController} from './background-controller.js' */
/** @import {LocalMedia} from '../devices/local-media.js' */

/** What only the meeting needs: loaded while one is in the lobby. */
export class Meeting {
  /** @type {RoomController | null} */
  controller = null;
  #make;
  /** @type {Promise<typeof import('./room-controller.js')> | null} */
  #loading = null;

  /** @param {[room: string, local: LocalMedia, backgrounds: BackgroundController]} parts */
  constructor(...parts) {
    this.#make = parts;
  }

  /** Loads it, or tells that the server can't be reached; whoever joins then tries again.
   * @returns {Promise<boolean>} */
  async load() {
    this.#loading ??= import('./room-controller.js');
    try {
      const { RoomController } = await this.#loading;
      if (this.controller) return true;
      this.controller = new RoomController(...this.#make);
    } catch (error) {
      if (this.controller || !(error instanceof TypeError)) throw error;
      this.#loading = null;
      return false;
    }
    this.controller.followDevices();
    return true;
  }
}
