// @ts-check
import { text } from '../i18n/strings.js';
import { byId } from './dom.js';
import { notify } from './notices.js';

/** @import {RoomState} from '../protocol/room-state.js' */
/** @import {ClientMessage, Recording as Begun} from '../protocol/types.js' */

/** Says to everybody, already in the lobby, whether the room is recorded; and lets hosts decide. */
export class RecordingView {
  #marks = [byId('recording', HTMLElement), byId('lobby-recording', HTMLElement)];
  #tools = byId('record-tools', HTMLElement);
  #allowed = byId('policy-recording', HTMLInputElement);
  #button = byId('record', HTMLButtonElement);
  #on = false;

  /** @param {(message: ClientMessage) => void} send */
  constructor(send) {
    this.#allowed.onchange = () => send({ type: 'policy', policy: { recording: this.#allowed.checked } });
    this.#button.onclick = () => send({ type: 'recording', on: !this.#on });
  }

  /** @param {RoomState} state */
  show({ recording, policy, limits }) {
    const permission = limits?.recording ?? 'off';
    this.#on = recording !== null;
    for (const mark of this.#marks) mark.hidden = !this.#on;
    this.#tools.hidden = permission === 'off';
    byId('policy-recording-field', HTMLElement).hidden = permission !== 'policy';
    this.#allowed.checked = policy.recording;
    this.#button.disabled = !this.#on && permission === 'policy' && !policy.recording;
    this.#button.toggleAttribute('data-on', this.#on);
    const words = this.#button.querySelector('span');
    if (words) words.textContent = text(this.#on ? 'recording.stop' : 'recording.start');
  }

  /** Says it aloud, too.
   * @param {Begun | null} recording */
  say(recording) {
    notify(text(recording ? 'recording.begun' : 'recording.ended'));
  }
}
