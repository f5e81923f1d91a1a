// @ts-check
/**
 * What this browser remembers between visits. Nothing of it is sent anywhere by itself.
 *
 * @typedef {object} Preferences
 * @property {string} name
 * @property {string} background
 * @property {string} camera
 * @property {string} microphone
 * @property {boolean} cameraOn
 * @property {boolean} microphoneOn
 */

const PREFIX = 'greenroom.';
/** @type {Preferences} */
const DEFAULTS = { name: '', background: 'blur', camera: '', microphone: '', cameraOn: true, microphoneOn: true };

/** @returns {Preferences} */
export function loadPreferences() {
  const stored = Object.keys(DEFAULTS).flatMap((key) => {
    const value = read(PREFIX + key);
    return value === null ? [] : [[key, value]];
  });
  return { ...DEFAULTS, ...Object.fromEntries(stored) };
}

/** @param {Partial<Preferences>} changes */
export function savePreferences(changes) {
  for (const [key, value] of Object.entries(changes)) {
    try {
      localStorage.setItem(PREFIX + key, JSON.stringify(value));
    } catch {
      return; // storage is full or blocked: nothing is remembered then
    }
  }
}

/** @param {string} key */
function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}
