// @ts-check
import { text } from '../i18n/strings.js';
import { byId, element, icon, placePopover } from './dom.js';
import { command } from './host-commands.js';

/** @import {ClientMessage} from '../protocol/types.js' */
/** @import {HostCommand} from './host-commands.js' */
/** @import {MediaTile} from './media-tile.js' */

/** What one can do with a tile. */
export class TileMenu {
  #menu = byId('tile-menu', HTMLElement);
  /** @type {MediaTile | null} */
  #tile = null;

  /**
   * @param {HTMLElement} opener
   * @param {MediaTile} tile
   * @param {{isPinned: boolean, pin: () => void, commands: HostCommand[], name: string, send: (message: ClientMessage) => void}} options
   *   `commands` are what a host may do about the one of this name
   */
  open(opener, tile, { isPinned, pin, commands, name, send }) {
    this.#tile = tile;
    const items = [this.#item(isPinned ? 'tile.unpin' : 'tile.pin', 'pin', pin)];
    if (document.fullscreenEnabled) items.push(this.#item('tile.fullscreen', 'fullscreen', () => void tile.element.requestFullscreen().catch(() => {})));
    if (document.pictureInPictureEnabled) items.push(this.#item('tile.pip', 'pip', () => void togglePictureInPicture(tile.video)));
    for (const each of commands) items.push(this.#item(each.key, each.symbol, () => void command(each, name, send)));
    this.#menu.replaceChildren(...items, ...(tile.hasSound ? [volumeField(tile)] : []));
    this.#menu.setAttribute('aria-label', opener.getAttribute('aria-label') ?? '');
    this.#menu.showPopover();
    placePopover(this.#menu, opener);
    items[0].focus();
  }

  /** @param {HTMLElement} tile */
  closeFor(tile) {
    if (this.#tile?.element === tile) this.#menu.hidePopover();
  }

  /**
   * @param {import('../i18n/strings.js').Key} key
   * @param {string} symbol
   * @param {() => void} action
   */
  #item(key, symbol, action) {
    const item = element('button', { type: 'button', class: 'item' }, icon(symbol), element('span', {}, text(key)));
    item.onclick = () => {
      this.#menu.hidePopover();
      action();
    };
    return item;
  }
}

/** A slider for how loud somebody is, here only.
 * @param {MediaTile} tile */
function volumeField(tile) {
  const slider = element('input', { type: 'range', min: '0', max: '100', value: String(Math.round(tile.volume * 100)) });
  slider.oninput = () => { tile.volume = Number(slider.value) / 100; };
  return element('label', { class: 'item volume' }, icon('speaker'), element('span', {}, text('tile.volume')), slider);
}

/** @param {HTMLVideoElement} video */
async function togglePictureInPicture(video) {
  try {
    if (document.pictureInPictureElement === video) await document.exitPictureInPicture();
    else await video.requestPictureInPicture();
  } catch {
    // no picture yet
  }
}
