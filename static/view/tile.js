// @ts-check
import { text } from '../strings.js';
import { element, icon } from './dom.js';

/** @import {Kind, Participant} from '../types.js' */

/** One participant: picture or initials, sound, name. */
export class Tile {
  /** @type {HTMLElement} */
  element;
  #video = element('video', { autoplay: '', playsinline: '', 'aria-hidden': 'true' });
  #audio = element('audio', { autoplay: '' });
  #avatar = element('div', { class: 'avatar', 'aria-hidden': 'true' });
  #name = element('span', { class: 'tile-text' });
  #note = element('span', { class: 'tile-note' });
  #isSelf;
  #blocked;

  /**
   * @param {Participant} participant
   * @param {boolean} isSelf
   * @param {() => void} blocked told when the browser wants a click before it plays sound
   */
  constructor(participant, isSelf, blocked) {
    this.#isSelf = isSelf;
    this.#blocked = blocked;
    this.#video.muted = true;
    this.#video.onplaying = () => this.element.setAttribute('data-playing', '');
    this.#video.onresize = () => {
      this.element.toggleAttribute('data-portrait', this.#video.videoHeight > this.#video.videoWidth);
    };
    const away = element('p', { class: 'tile-away', 'aria-hidden': 'true' }, text('room.away'));
    const name = element('p', { class: 'tile-name', 'aria-hidden': 'true' }, icon('mic-off'), this.#name, this.#note);
    this.element = element('article', { class: 'tile', 'data-participant': participant.id }, this.#avatar, this.#video, this.#audio, name, away);
    if (isSelf) {
      this.element.setAttribute('data-self', '');
      this.#note.textContent = ` ${text('room.self')}`;
    }
    this.update(participant);
  }

  /** @param {Participant} participant */
  update({ id, name, audio, video, connected }) {
    this.#avatar.textContent = initials(name);
    this.#avatar.style.setProperty('--hue', String(hueOf(name + id)));
    this.#name.textContent = this.#isSelf ? text('room.you') : name;
    this.element.dataset.audio = audio ? 'on' : 'off';
    this.element.dataset.video = video ? 'on' : 'off';
    this.element.dataset.connected = String(connected);
    this.element.setAttribute('aria-label', text('room.tile', {
      name: this.#isSelf ? text('room.you') : name,
      audio: audio ? '' : text('room.muted'),
      video: video ? '' : text('room.dark'),
      away: connected ? '' : `, ${text('room.away')}`,
    }));
  }

  /** @param {Partial<Record<Kind, MediaStreamTrack>>} tracks */
  attach({ video, audio }) {
    if (setTrack(this.#video, video)) {
      this.element.removeAttribute('data-playing');
      this.#video.play().catch(() => {}); // replaced meanwhile, or no frame yet: autoplay goes on
    }
    if (!this.#isSelf && setTrack(this.#audio, audio)) this.hear();
  }

  /** Plays the sound, which some browsers allow only after a click. */
  hear() {
    if (!this.#audio.srcObject) return;
    this.#audio.play().catch((error) => {
      if (error.name === 'NotAllowedError') this.#blocked();
    });
  }

  /** @param {boolean} speaking */
  setSpeaking(speaking) {
    this.element.toggleAttribute('data-speaking', speaking);
  }

  remove() {
    setTrack(this.#video, undefined);
    setTrack(this.#audio, undefined);
    this.element.remove();
  }
}

/**
 * Shows a track in a media element, and tells whether that is another track than before.
 *
 * @param {HTMLMediaElement} target
 * @param {MediaStreamTrack | undefined} track
 */
function setTrack(target, track) {
  const shown = target.srcObject instanceof MediaStream ? target.srcObject.getTracks()[0] : undefined;
  if (shown === track) return false;
  target.srcObject = track ? new MediaStream([track]) : null;
  return track !== undefined;
}

/** @param {string} name */
function initials(name) {
  const words = name.trim().split(/\s+/);
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return chosen.map((word) => [...word][0] ?? '').join('').toLocaleUpperCase();
}

/** A colour that stays with a person, as a hue in degrees.
 * @param {string} words */
function hueOf(words) {
  return [...words].reduce((sum, letter) => (sum * 137 + (letter.codePointAt(0) ?? 0) * 53) % 360, 0);
}
