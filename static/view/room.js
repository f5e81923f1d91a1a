// @ts-check
import { text } from '../i18n/strings.js';
import { openDialog } from './dialog.js';
import { byId, onAction, placePopover, showAction } from './dom.js';
import { Panel } from './panel.js';
import { Tiles } from './tiles.js';

/** @import {Hidden, Participant} from '../protocol/types.js' */

/** The frame of the meeting: header, banners, tiles, panel, toolbar, menus and dialogs. */
export class RoomView {
  /** Where the device pickers live while the meeting runs. */
  devices = byId('settings-devices', HTMLElement);
  panel = new Panel();
  tiles = new Tiles(() => { this.#hear.hidden = false; });
  #hear = byId('hear', HTMLButtonElement);
  #banner = byId('banner', HTMLElement);
  #lost = '';
  #talking = false;
  /** @type {Hidden | null} */
  #hidden = null;

  constructor() {
    onAction('react', () => {}); // its popover opens by itself
    onAction('more', () => {});
    this.#hear.onclick = () => {
      this.#hear.hidden = true;
      this.tiles.hear();
    };
    this.tiles.onLayout = (layout) => showAction('layout', {
      icon: layout === 'speaker' ? 'grid' : 'layout', label: text(layout === 'speaker' ? 'toolbar.layout.grid' : 'toolbar.layout'),
      caption: text(layout === 'speaker' ? 'toolbar.layout.grid' : 'toolbar.layout'),
    });
    showAction('fullscreen', { hidden: !document.fullscreenEnabled });
    placePopovers();
    closeOnBackdrop();
  }

  /**
   * @param {Participant[]} participants
   * @param {string} self
   * @param {boolean} isHost
   */
  showParticipants(participants, self, isHost) {
    const [number, words] = byId('count', HTMLElement).querySelectorAll('span');
    number.textContent = String(participants.length);
    words.textContent = text('room.count', { n: participants.length });
    byId('alone', HTMLElement).hidden = participants.length > 1;
    this.tiles.show(participants, self, isHost);
  }

  /** @param {string} words what is wrong with the connection, or nothing */
  showLost(words) {
    this.#lost = words;
    this.#showBanner();
  }

  /** @param {boolean} locked */
  showLocked(locked) {
    byId('room-locked', SVGElement).toggleAttribute('hidden', !locked);
  }

  /** That one is heard only as long as the space bar is held.
   * @param {boolean} on */
  showTalking(on) {
    this.#talking = on;
    this.#showBanner();
  }

  /** What the others see of oneself while the server hides the camera.
   * @param {Hidden | null} why */
  showHidden(why) {
    this.#hidden = why;
    this.#showBanner();
  }

  /**
   * @param {boolean} on
   * @param {(on: boolean) => void} changed
   */
  setShortcutSwitch(on, changed) {
    const input = byId('shortcuts-on', HTMLInputElement);
    input.checked = on;
    input.onchange = () => changed(input.checked);
  }

  /** That one may speak now.
   * @param {string} words or nothing, when that is over */
  offerUnmute(words) {
    const banner = byId('may-unmute', HTMLElement);
    const shown = banner.querySelector('span');
    if (banner.contains(document.activeElement)) this.focus();
    banner.hidden = words === '';
    if (shown) shown.textContent = words;
  }

  toggleFullScreen() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen().catch(() => {});
  }

  showHelp() {
    openDialog(byId('help-dialog', HTMLDialogElement));
  }

  showSettings() {
    openDialog(byId('settings-dialog', HTMLDialogElement));
  }

  focus() {
    byId('room-title', HTMLElement).focus({ preventScroll: true });
  }

  /** Back to how it is before anybody came. */
  reset() {
    this.panel.close();
    this.showLost('');
    this.showTalking(false);
    this.showHidden(null);
    this.offerUnmute('');
    byId('knocks', HTMLElement).replaceChildren();
    this.tiles.clear();
    this.#hear.hidden = true;
    for (const dialog of document.querySelectorAll('dialog')) dialog.close();
    if (document.fullscreenElement) void document.exitFullscreen();
  }

  #showBanner() {
    const hidden = this.#hidden ? text(`room.hidden.self.${this.#hidden}`) : '';
    const words = this.#lost || (this.#talking ? text('room.talking') : hidden);
    this.#banner.hidden = words === '';
    if (this.#banner.textContent !== words) this.#banner.textContent = words;
  }
}

function placePopovers() {
  for (const popover of document.querySelectorAll('.popover')) {
    if (!(popover instanceof HTMLElement) || popover.id === 'tile-menu') continue;
    popover.addEventListener('toggle', (event) => {
      const open = event instanceof ToggleEvent && event.newState === 'open';
      const openers = [...document.querySelectorAll(`[popovertarget="${popover.id}"]`)].filter((each) => each.checkVisibility());
      for (const opener of openers) opener.setAttribute('aria-expanded', String(open));
      const opener = openers[0] ?? document.querySelector('[popovertarget="more"]');
      if (open && opener) placePopover(popover, opener);
    });
  }
}

/** A click beside a dialog closes it; not one that only ends there, as when words in a field are selected. */
function closeOnBackdrop() {
  for (const dialog of document.querySelectorAll('dialog')) {
    let beside = false;
    dialog.addEventListener('pointerdown', ({ clientX: x, clientY: y }) => {
      const { left, right, top, bottom } = dialog.getBoundingClientRect();
      beside = x < left || x > right || y < top || y > bottom;
    });
    dialog.addEventListener('click', ({ target }) => {
      if (target === dialog && beside) dialog.close();
    });
  }
}
