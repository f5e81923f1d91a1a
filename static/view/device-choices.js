// @ts-check
import { chosenLoudspeaker } from '../devices/loudspeaker.js';
import { text } from '../i18n/strings.js';

/** @import {Devices} from '../devices/devices.js' */
/** @import {Kind} from '../protocol/types.js' */

const NAMES = /** @type {const} */ ({ video: 'camera', audio: 'microphone' });

/**
 * The devices of a kind as they are offered, and the one that is used.
 *
 * @param {Kind} kind
 * @param {Devices} devices
 */
export function deviceChoices(kind, { state, available }) {
  const { track, id } = state[kind];
  const offered = named(available[kind].filter(({ deviceId }) => deviceId), NAMES[kind]);
  if (!offered.length) {
    const label = text(track || available[kind].length ? 'device.default' : 'device.none');
    return { offered: [{ id: '', label }], chosen: '', known: false };
  }
  return { offered, chosen: among(offered, track?.getSettings().deviceId ?? id), known: true };
}

/** The loudspeakers as they are offered, the browser's choice first, and the one that is used.
 * @param {Devices} devices */
export function loudspeakerChoices({ loudspeakers }) {
  const offered = [{ id: '', label: text('device.default') }, ...named(loudspeakers, 'speaker')];
  return { offered, chosen: among(offered, chosenLoudspeaker()), known: true };
}

/**
 * @param {MediaDeviceInfo[]} found
 * @param {'camera' | 'microphone' | 'speaker'} kind
 */
function named(found, kind) {
  return found.map(({ label, deviceId }, index) => ({ id: deviceId, label: label || text(`device.${kind}.nth`, { n: index + 1 }) }));
}

/**
 * @param {{id: string}[]} offered
 * @param {string} wanted
 */
function among(offered, wanted) {
  return offered.some(({ id }) => id === wanted) ? wanted : offered[0].id;
}
