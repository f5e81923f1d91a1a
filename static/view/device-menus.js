// @ts-check
import { canChooseLoudspeaker, chooseLoudspeaker } from '../devices/loudspeaker.js';
import { text } from '../i18n/strings.js';
import { deviceChoices, loudspeakerChoices } from './device-choices.js';
import { RadioMenu } from './radio-menu.js';

/** @import {Devices} from '../devices/devices.js' */
/** @import {Kind} from '../protocol/types.js' */

/** The menus of devices beside the buttons of microphone and camera. */
export class DeviceMenus {
  #menus;

  /**
   * @param {Devices} devices
   * @param {(kind: Kind, id: string) => void} choose
   */
  constructor(devices, choose) {
    /** @param {Kind} kind @param {string} title */
    const own = (kind, title) => ({ title, ...deviceChoices(kind, devices), choose: (/** @type {string} */ id) => choose(kind, id) });
    this.#menus = [
      new RadioMenu('microphone-menu', () => [
        own('audio', text('lobby.microphone')),
        ...(canChooseLoudspeaker ? [{ title: text('settings.speaker'), ...loudspeakerChoices(devices), choose: chooseLoudspeaker }] : []),
      ]),
      new RadioMenu('camera-menu', () => [own('video', text('lobby.camera'))]),
    ];
  }

  /** Shows what devices there are now. */
  refresh() {
    for (const menu of this.#menus) menu.refresh();
  }
}
