// @ts-check
import { soundThere } from '../devices/loudspeaker.js';
import { text } from '../i18n/strings.js';
import { element, icon } from './dom.js';

/** @import {Box} from './grid.js' */

/** A tile whose width is more than so many times its height would cut too much off an upright picture. */
const UPRIGHT = 0.8;
/** What is left beside a picture, as a share of the tile, that nobody sees. */
const SLIM = 0.01;
/** How often what surrounds a picture follows it, in ms. */
const REPAINT = 500;

/**
 * @typedef {object} TileEvents
 * @property {() => void} blocked told when the browser wants a click before it plays sound
 * @property {(opener: HTMLElement) => void} menu
 * @property {() => void} pin
 */

/** What tiles of people and of screens have in common: picture, sound, a place, a menu. */
export class MediaTile {
  /** @type {HTMLElement} */
  element;
  video = element('video', { autoplay: '', playsinline: '', 'aria-hidden': 'true', disablepictureinpicture: '' });
  #audio = element('audio', { autoplay: '' });
  /** Fills what a picture of another shape leaves of the tile: that picture, in too few pixels to be read. */
  #backdrop = element('canvas', { class: 'tile-backdrop', width: '16', height: '9', 'aria-hidden': 'true' });
  #repainting = 0;
  /** How wide the tile is for its height. */
  #shape = 1;
  #events;

  /**
   * @param {Record<string, string>} attributes
   * @param {TileEvents} events
   * @param {Node[]} children
   */
  constructor(attributes, events, ...children) {
    this.#events = events;
    soundThere(this.#audio);
    this.video.muted = true;
    this.video.disablePictureInPicture = false;
    const menu = element('button', { type: 'button', class: 'tile-menu', 'aria-haspopup': 'true' }, icon('more'));
    menu.onclick = () => events.menu(menu);
    this.element = element('article', { class: 'tile', ...attributes }, ...children.slice(0, 1), this.#backdrop, this.video, this.#audio, ...children.slice(1), menu);
    this.element.ondblclick = (event) => {
      if (event.target instanceof Element && !event.target.closest('button')) events.pin();
    };
    this.video.onplaying = this.video.onloadeddata = () => this.element.setAttribute('data-playing', '');
    this.video.onresize = this.element.onfullscreenchange = () => this.#fit();
  }

  /** Says whom the menu is about.
   * @param {string} name */
  nameMenu(name) {
    const menu = this.element.querySelector('.tile-menu');
    menu?.setAttribute('aria-label', text('tile.menu', { name }));
  }

  /**
   * @param {Box} box
   * @param {boolean} isMain
   * @param {boolean} isPinned
   */
  place({ x, y, width, height }, isMain, isPinned) {
    const { style } = this.element;
    style.setProperty('translate', `${x}px ${y}px`);
    style.setProperty('width', `${width}px`);
    style.setProperty('height', `${height}px`);
    this.element.toggleAttribute('data-main', isMain);
    this.element.toggleAttribute('data-pinned', isPinned);
    this.#shape = width / height;
    this.#fit();
  }

  /** Cuts cameras to the tile's shape where enough is left of them; of a screen nothing is ever cut. */
  #fit() {
    const { videoWidth, videoHeight } = this.video;
    const shape = this.element.matches(':fullscreen') ? innerWidth / innerHeight : this.#shape;
    const isWhole = this.element.matches('[data-screen], :fullscreen') || (videoHeight > videoWidth && shape > UPRIGHT);
    const leavesSpace = isWhole && videoHeight > 0 && Math.abs(videoWidth / videoHeight / shape - 1) > SLIM;
    this.element.dataset.fit = leavesSpace ? 'filled' : isWhole ? 'whole' : 'cut';
    clearInterval(this.#repainting);
    if (!leavesSpace) return;
    this.#paintBackdrop();
    this.#repainting = window.setInterval(() => this.#paintBackdrop(), REPAINT);
  }

  #paintBackdrop() {
    const { width, height } = this.#backdrop;
    this.#backdrop.getContext('2d')?.drawImage(this.video, 0, 0, width, height);
  }

  /** @param {MediaStreamTrack | undefined} track */
  showVideo(track) {
    if (!setTrack(this.video, track)) return;
    this.element.removeAttribute('data-playing');
    this.video.play().catch(() => {}); // replaced meanwhile, or no frame yet: autoplay goes on
  }

  /** @param {MediaStreamTrack | undefined} track */
  playAudio(track) {
    if (setTrack(this.#audio, track)) this.hear();
  }

  /** Plays the sound, which some browsers allow only after a click. */
  hear() {
    if (!this.#audio.srcObject) return;
    this.#audio.play().catch((error) => {
      if (error.name === 'NotAllowedError') this.#events.blocked();
    });
  }

  /** How loud this one is for oneself, in [0, 1]. */
  get volume() {
    return this.#audio.volume;
  }

  set volume(volume) {
    this.#audio.volume = volume;
  }

  get hasSound() {
    return this.#audio.srcObject !== null;
  }

  remove() {
    clearInterval(this.#repainting);
    setTrack(this.video, undefined);
    setTrack(this.#audio, undefined);
    this.element.remove();
  }
}

/**
 * Shows a track in a media element, and tells whether that is another track than before.
 *
 * @param {HTMLMediaElement} target
 * @param {MediaStreamTrack | undefined | null} track
 */
export function setTrack(target, track) {
  const shown = target.srcObject instanceof MediaStream ? target.srcObject.getTracks()[0] : undefined;
  if (shown === (track ?? undefined)) return false;
  target.srcObject = track ? new MediaStream([track]) : null;
  return Boolean(track);
}
