// @ts-check
import { text } from '../i18n/strings.js';
import { byId, showAction } from '../view/dom.js';
import { warn } from '../view/notices.js';

/** @import {Conference} from './room-client.js' */

/** This person's screen: capturing and sending it, and showing all the while that it is sent. */
export class ScreenShare {
  /** @type {MediaStream | null} */
  #stream = null;

  /** @param {Conference} conference */
  toggle(conference) {
    if (this.#stream) this.stop(conference, true);
    else void this.#start(conference);
  }

  /**
   * @param {Conference | null} conference
   * @param {boolean} tell whether the server has to be told
   */
  stop(conference, tell) {
    if (!this.#stream) return;
    for (const track of this.#stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.#stream = null;
    conference?.unshare(tell);
    this.show(conference);
  }

  /** The server has ended it.
   * @param {Conference} conference @param {'stopped' | 'policy' | 'lost'} reason */
  end(conference, reason) {
    this.stop(conference, false);
    if (reason !== 'stopped') warn(text(reason === 'lost' ? 'screen.ended.lost' : 'screen.ended.policy'));
  }

  /** @param {Conference | null} conference */
  show(conference) {
    const isOn = this.#stream !== null;
    const allowed = isOn || (conference?.state.mayShareScreen ?? true);
    const possible = typeof navigator.mediaDevices?.getDisplayMedia === 'function';
    const label = text(isOn ? 'screen.stop' : allowed ? 'toolbar.screen' : 'toolbar.screen.off');
    const caption = text(isOn ? 'screen.stop' : 'toolbar.screen');
    showAction('screen', { active: isOn, disabled: !allowed, hidden: !possible, label, caption });
    byId('sharing', HTMLElement).hidden = !isOn;
  }

  /** Asks which screen, window or tab, and sends it with its sound where the browser gives it.
   * @param {Conference} conference */
  async #start(conference) {
    const limits = conference.state.limits?.screen;
    if (!limits) return;
    const video = { width: { max: limits.width }, height: { max: limits.height }, frameRate: { max: limits.frameRate } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video, audio: true });
    } catch (error) {
      const cancelled = error instanceof DOMException && error.name === 'NotAllowedError';
      return cancelled ? undefined : warn(text('screen.failed'));
    }
    if (this.#stream || conference.phase !== 'room') {
      for (const track of stream.getTracks()) track.stop();
      return conference.phase === 'rejoining' ? warn(text('screen.ended.lost')) : undefined;
    }
    this.#stream = stream;
    const [track] = stream.getVideoTracks();
    track.contentHint = 'detail';
    track.onended = () => this.stop(conference, true); // by the browser's own button
    conference.share(stream);
    this.show(conference);
  }
}
