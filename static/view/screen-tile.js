// @ts-check
import { text } from '../i18n/strings.js';
import { element, icon } from './dom.js';
import { MediaTile } from './media-tile.js';

/** @import {StreamKind} from '../protocol/types.js' */
/** @import {TileEvents} from './media-tile.js' */

/** A shared screen. It did not go through the filter, and says so. */
export class ScreenTile extends MediaTile {
  /**
   * @param {string} id of whoever shares
   * @param {string} name
   * @param {TileEvents} events
   */
  constructor(id, name, events) {
    const words = text('screen.of', { name });
    const [before, after] = text('screen.of', { name: '\n' }).split('\n');
    const shown = element('span', { class: 'tile-text', dir: 'ltr' }, before, element('bdi', {}, name), after);
    const label = element('p', { class: 'tile-name' }, icon('screen'), shown);
    const unfiltered = element('div', { class: 'tile-badges' }, element('p', { class: 'tile-badge unfiltered' }, text('screen.unfiltered')));
    super({ 'data-screen': id, 'aria-label': `${words}, ${text('screen.unfiltered')}` }, events, element('span'), label, unfiltered);
    this.nameMenu(words);
  }

  /** @param {Partial<Record<StreamKind, MediaStreamTrack>>} tracks */
  attach({ screen, 'screen-audio': audio }) {
    this.showVideo(screen);
    this.playAudio(audio);
  }
}
