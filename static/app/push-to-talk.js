// @ts-check
/** @import {LocalMedia} from '../devices/local-media.js' */

/** The microphone is open while the space bar is held, and stays open where it was so before. */
export class PushToTalk {
  #local;
  #show;
  /** Whether the space bar is what opened the microphone. */
  #talks = false;

  /**
   * @param {LocalMedia} local
   * @param {(talking: boolean) => void} show
   */
  constructor(local, show) {
    this.#local = local;
    this.#show = show;
  }

  /** @param {boolean} down */
  async press(down) {
    if (down ? !this.#local.devices.state.audio.on : this.#talks) await this.#open(down);
  }

  /** Closes the microphone, whatever opened it. */
  async end() {
    await this.#open(false);
  }

  /** @param {boolean} on */
  async #open(on) {
    this.#talks = on;
    await this.#local.talk(on);
    this.#show(this.#talks && this.#local.isLive('audio'));
  }
}
