// @ts-check
import { byId, element } from './dom.js';

const SHOWN_FOR = 5000;

/** Says something in passing, on the screen and to screen readers.
 * @param {string} words */
export function notify(words) {
  put(byId('notices', HTMLElement), words);
}

/** Says to screen readers what everybody else sees happen.
 * @param {string} words */
export function announce(words) {
  byId('announcer', HTMLElement).textContent = words;
}

/** Says that something went wrong.
 * @param {string} words */
export function warn(words) {
  put(byId('alerts', HTMLElement), words);
}

/**
 * @param {HTMLElement} place
 * @param {string} words
 */
function put(place, words) {
  const notice = element('p', { class: 'notice' }, words);
  place.append(notice);
  if (place.childElementCount > 3) place.firstElementChild?.remove();
  setTimeout(() => notice.remove(), SHOWN_FOR);
}
