// @ts-check
/**
 * What this browser remembers between visits. Nothing of it is sent anywhere by itself.
 *
 * @typedef {object} Preferences
 * @property {string} name
 * @property {string} background
 * @property {string} camera
 * @property {string} microphone
 * @property {string} speaker '' for the browser's choice
 * @property {boolean} noiseSuppression
 * @property {boolean} echoCancellation
 * @property {boolean} autoGainControl
 * @property {boolean} mirror whether one's own picture is mirrored, for oneself
 * @property {boolean} hideSelf whether one's own picture is not shown while others are there
 * @property {string[]} sounds the events that sound: join, knock, hand, message
 * @property {boolean} notifications
 * @property {boolean} cameraOn
 * @property {boolean} microphoneOn
 * @property {boolean} framing whether the server brings one to the middle of the picture
 * @property {boolean} lowLight whether the server makes one lighter in the dark
 * @property {boolean} deviceFilter whether the camera is filtered on this device, too
 * @property {boolean} shortcuts
 * @property {'grid' | 'speaker'} layout
 * @property {boolean} captionsShown
 * @property {string} captionsLanguage the language one speaks, or '' for the browser's
 * @property {'all' | 'saver' | 'none'} receive what is wanted of the others' cameras
 * @property {string} language '' for the browser's
 */

const PREFIX = 'greenroom.';
/** @type {Preferences} */
const DEFAULTS = {
  name: '', background: 'blur', camera: '', microphone: '', speaker: '', noiseSuppression: true, echoCancellation: true, autoGainControl: true, mirror: true, hideSelf: false,
  sounds: ['join', 'knock', 'hand', 'message'], notifications: false, cameraOn: true, microphoneOn: true, framing: false, lowLight: false, deviceFilter: false, shortcuts: true, layout: 'grid', receive: 'all', captionsShown: true, captionsLanguage: '', language: '',
};

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
