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

/** The secrets that open a room, as the address named them: what makes one its host, and what a server with keys asks for.
 * They are kept as long as the tab lives, and no longer seen in the address, over a shoulder or on a shared screen.
 * @param {string} room
 * @returns {{host: string | null, token: string | null, seat: string | null, pin: string | null}} the seat is the one before the page was loaded again */
export function loadSecrets(room) {
  const given = new URLSearchParams(location.hash.slice(1));
  const secrets = { host: given.get('host'), token: given.get('token'), seat: null, pin: null };
  if (secrets.host || secrets.token) history.replaceState(null, '', location.pathname);
  for (const [name, secret] of Object.entries(secrets)) if (secret) saveSecret(room, name, secret);
  try {
    const load = (/** @type {string} */ name) => sessionStorage.getItem(`${PREFIX}${name}.${room}`);
    return { host: load('host'), token: load('token'), seat: load('seat'), pin: load('pin') };
  } catch {
    return secrets;
  }
}

/**
 * @param {string} room
 * @param {string} name
 * @param {string} secret or nothing, to forget it
 */
export function saveSecret(room, name, secret) {
  try {
    if (secret === '') sessionStorage.removeItem(`${PREFIX}${name}.${room}`);
    else sessionStorage.setItem(`${PREFIX}${name}.${room}`, secret);
  } catch {
    // blocked: it lasts as long as the page
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
