// @ts-check
import { text } from '../i18n/strings.js';
import { byId, showAction } from '../view/dom.js';
import { setTrack } from '../view/media-tile.js';
import { warn } from '../view/notices.js';

/** @import {RoomClient} from './room-client.js' */

/** This person's screen: capturing and sending it, and showing all the while that it is sent. */
export class ScreenShare {
  /** @type {MediaStream | null} */
  #stream = null;
  /** Whether the browser asks which screen. */
  #asking = false;

  /** @param {RoomClient} client */
  toggle(client) {
    if (this.#stream) this.stop(client, true);
    else if (!this.#asking) void this.#start(client);
  }

  /**
   * @param {RoomClient | null} client
   * @param {boolean} tell whether the server has to be told
   */
  stop(client, tell) {
    if (!this.#stream) return;
    for (const track of this.#stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.#stream = null;
    client?.unshare(tell);
    this.show(client);
  }

  /** The server has ended it. It is told so too, because it may have taken a newer offer meanwhile.
   * @param {RoomClient} client @param {'stopped' | 'policy' | 'lost'} reason `stopped` answers this page, which may share again by now */
  end(client, reason) {
    if (!this.#stream || reason === 'stopped') return;
    this.stop(client, true);
    warn(text(reason === 'lost' ? 'screen.ended.lost' : 'screen.ended.policy'));
  }

  /** @param {RoomClient | null} client */
  show(client) {
    const isOn = this.#stream !== null;
    const allowed = isOn || (client?.state.mayShareScreen ?? true);
    const possible = typeof navigator.mediaDevices?.getDisplayMedia === 'function';
    const label = text(isOn ? 'screen.stop' : allowed ? 'toolbar.screen' : 'toolbar.screen.off');
    const caption = text(isOn ? 'screen.stop' : 'toolbar.screen');
    showAction('screen', { active: isOn, disabled: !allowed, hidden: !possible, label, caption });
    byId('sharing', HTMLElement).hidden = !isOn;
    setTrack(byId('sharing-preview', HTMLVideoElement), this.#stream?.getVideoTracks()[0] ?? null);
  }

  /** Asks which screen, window or tab, and sends it with its sound where the browser gives it.
   * @param {RoomClient} client */
  async #start(client) {
    const limits = client.state.limits?.screen;
    if (!limits) return;
    const video = { width: { max: limits.width }, height: { max: limits.height }, frameRate: { max: limits.frameRate } };
    let stream;
    this.#asking = true;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video, audio: true });
    } catch (error) {
      // Chromium says so in the message where it is the system that refuses.
      const cancelled = error instanceof DOMException && error.name === 'NotAllowedError' && !/system/i.test(error.message);
      return cancelled ? undefined : warn(text('screen.failed'));
    } finally {
      this.#asking = false;
    }
    if (this.#stream || client.phase !== 'room') {
      for (const track of stream.getTracks()) track.stop();
      return client.phase === 'rejoining' ? warn(text('screen.ended.lost')) : undefined;
    }
    this.#stream = stream;
    const [track] = stream.getVideoTracks();
    track.contentHint = 'detail';
    track.onended = () => this.stop(client, true); // by the browser's own button
    client.share(stream);
    this.show(client);
  }
}
