// @ts-check
import { byId, element } from './dom.js';

const SHOWN_FOR = 5000; // ms
/** By the page's state.
 * @type {Record<string, string>} */
const PLACES = { lobby: 'lobby-notes', room: 'people' };

/** Says something in passing, on the screen and to screen readers.
 * @param {string} words */
export function notify(words) {
  put(byId('notices', HTMLElement), words);
}

/** Takes away what was said in passing. */
export function clearNotices() {
  byId('notices', HTMLElement).replaceChildren();
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

/** Where notices are seen and cover nothing that one uses: in the dialog that is open, over the tiles of the room, in the row to join. */
function gather() {
  const dialog = document.querySelector('dialog[open]');
  const place = document.getElementById(PLACES[document.body.dataset.state ?? ''] ?? '');
  const holder = dialog ?? (place?.checkVisibility() ? place : document.body);
  const notes = byId('notes', HTMLElement);
  if (notes.parentElement === holder) return;
  holder.append(notes);
  dialog?.addEventListener('close', gather, { once: true });
}

/**
 * @param {HTMLElement} place
 * @param {string} words
 */
function put(place, words) {
  gather();
  const notice = element('p', { class: 'notice' }, words);
  place.append(notice);
  if (place.childElementCount > 3) place.firstElementChild?.remove();
  setTimeout(() => notice.remove(), SHOWN_FOR);
}
