// @ts-check
/** @import {Kind} from '../protocol/types.js' */

/**
 * Why nothing comes from a camera or microphone.
 * @typedef {'insecure' | 'refused' | 'system' | 'missing' | 'busy' | 'failed' | 'unplugged' | 'muted' | 'filter'} Problem
 * `muted`: it is open, and the system lets it bring nothing. `filter`: the filter on this device can't go on.
 */

/** Whether the browser has allowed it.
 * @param {Kind} kind */
export async function isGranted(kind) {
  const name = /** @type {PermissionName} */ (kind === 'video' ? 'camera' : 'microphone');
  try {
    return (await navigator.permissions.query({ name })).state === 'granted';
  } catch {
    return false; // not every browser can be asked about cameras
  }
}

/**
 * @param {string} name of an error
 * @param {string} message in which Chromium says whether the system refuses
 * @returns {Problem}
 */
export function problemOf(name, message) {
  switch (name) {
    case 'NotAllowedError': case 'SecurityError': return /system/i.test(message) ? 'system' : 'refused';
    case 'NotFoundError': case 'OverconstrainedError': return 'missing';
    case 'NotReadableError': case 'AbortError': return 'busy';
    default: return 'failed';
  }
}
