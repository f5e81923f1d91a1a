// @ts-check
import { loadPreferences, savePreferences } from './preferences.js';
import { text } from '../i18n/strings.js';
import { notify } from '../view/notices.js';
import { Settings } from '../view/settings.js';

/** @import {Shortcuts} from './shortcuts.js' */
/** @import {Devices} from '../devices/devices.js' */
/** @import {RoomView} from '../view/room.js' */

/** How one wants rooms to look and to listen, as this browser remembers it. */
export class RoomPreferences {
  #view;
  #settings;

  /**
   * @param {RoomView} view
   * @param {Shortcuts} shortcuts
   * @param {{processing: () => void, effects: () => void}} changed told when the microphone's processing, or what the server does to
   *   the own picture changes
   */
  constructor(view, shortcuts, { processing, effects }) {
    this.#view = view;
    this.#settings = new Settings({ processing, self: () => this.#showSelf(), effects });
    const kept = loadPreferences();
    shortcuts.on = kept.shortcuts;
    view.setShortcutSwitch(kept.shortcuts, (on) => {
      shortcuts.on = on;
      savePreferences({ shortcuts: on });
    });
    view.tiles.setLayout(kept.layout);
    this.#showSelf();
  }

  /** Lists what there is to choose from now.
   * @param {Devices} devices */
  show(devices) {
    this.#settings.show(devices);
  }

  toggleLayout() {
    const { tiles } = this.#view;
    const layout = tiles.layout === 'grid' ? 'speaker' : 'grid';
    savePreferences({ layout });
    tiles.setLayout(layout);
    notify(text(`layout.${layout}`));
  }

  #showSelf() {
    this.#settings.showSelf();
    this.#view.tiles.hideSelf(loadPreferences().hideSelf);
  }
}
