// @ts-check
import { text } from '../i18n/strings.js';
import { avatar, paintAvatar } from './avatar.js';
import { element, icon, setIcon } from './dom.js';
import { MediaTile } from './media-tile.js';

/** @import {ShownParticipant} from '../protocol/room-state.js' */
/** @import {StreamKind} from '../protocol/types.js' */
/** @import {TileEvents} from './media-tile.js' */

/** How long a reaction is shown, in ms. */
const REACTION = 4000;

/** One participant: picture or initials, sound, name, and how they are. */
export class Tile extends MediaTile {
  #avatar;
  #hidden;
  #name = element('bdi', { class: 'tile-text' });
  #quality = element('span', { class: 'quality', 'aria-hidden': 'true' }, icon('bars'));
  #spotlit = element('span', { class: 'spotlit' }, icon('spotlight'));
  #hand = element('p', { class: 'tile-badge tile-hand' }, icon('hand'));
  #isSelf;

  /**
   * @param {ShownParticipant} participant
   * @param {boolean} isSelf
   * @param {TileEvents} events
   */
  constructor(participant, isSelf, events) {
    const initials = avatar(participant);
    const away = element('p', { class: 'tile-badge tile-away' }, text('room.away'));
    const paused = element('p', { class: 'tile-badge tile-paused' }, text('room.paused'));
    const hidden = element('p', { class: 'tile-badge tile-hidden' });
    const badges = element('div', { class: 'tile-badges', 'aria-hidden': 'true' }, away, paused, hidden);
    const name = element('p', { class: 'tile-name', 'aria-hidden': 'true' }, icon('mic-off'));
    super({ 'data-participant': participant.id }, events, initials, name, badges);
    this.#hidden = hidden;
    this.#avatar = initials;
    this.#isSelf = isSelf;
    name.append(this.#name);
    if (isSelf) {
      this.element.setAttribute('data-self', '');
      name.append(element('span', { class: 'tile-note' }, text('room.self')), element('span', { class: 'tile-note mirrored' }, text('room.self.mirrored')));
    }
    name.append(this.#spotlit, this.#quality);
    badges.prepend(this.#hand);
    this.update(participant);
  }

  /** @param {ShownParticipant} participant */
  update(participant) {
    const { name, audio, video, connected, hand, quality, spotlit } = participant;
    const paused = connected && video && participant.paused === true;
    const hidden = connected && video && participant.hidden ? text(`room.hidden.${participant.hidden}`) : '';
    const shown = this.#isSelf ? text('room.you') : name;
    paintAvatar(this.#avatar, participant);
    this.#name.textContent = shown;
    this.nameMenu(shown);
    this.element.dataset.audio = audio ? 'on' : 'off';
    this.element.dataset.video = video ? 'on' : 'off';
    this.element.dataset.connected = String(connected);
    this.element.dataset.quality = quality ?? '';
    this.element.toggleAttribute('data-paused', paused);
    this.element.toggleAttribute('data-hidden', hidden !== '');
    this.#hidden.textContent = hidden;
    this.#hand.hidden = !hand;
    this.#spotlit.hidden = !spotlit;
    this.#spotlit.title = text('tile.spotlit');
    this.#quality.title = quality ? text(`quality.${quality}`) : '';
    setIcon(this.#quality, quality && quality !== 'good' ? `bars-${quality}` : 'bars');
    this.element.setAttribute('aria-label', [
      shown, !audio && text('room.muted'), !video && text('room.dark'), hand && text('room.hand.up'), spotlit && text('tile.spotlit'),
      !connected && text('room.away'), connected && quality && quality !== 'good' && text(`quality.${quality}`),
      paused && text('room.paused'), hidden,
    ].filter(Boolean).join(', '));
  }

  /** @param {Partial<Record<StreamKind, MediaStreamTrack>>} tracks */
  attach({ video, audio }) {
    this.showVideo(video);
    if (!this.#isSelf) this.playAudio(audio);
  }

  /** @param {boolean} speaking */
  setSpeaking(speaking) {
    this.element.toggleAttribute('data-speaking', speaking);
  }

  /** @param {string} reaction */
  react(reaction) {
    const shown = element('p', { class: 'tile-reaction', 'aria-hidden': 'true' }, reaction);
    shown.style.setProperty('--drift', `${Math.round(Math.random() * 60 - 30)}px`);
    this.element.append(shown);
    setTimeout(() => shown.remove(), REACTION);
  }
}
