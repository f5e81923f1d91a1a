// @ts-check
import { byId, element } from './dom.js';

/** How long a notice is shown at least, in ms: time to look up. Chosen. */
const NOTICING = 5000;
/** How long a character takes to read, in ms: the mean of 14 languages, read aloud (Trauzettel-Klosinski and Dietz 2012, IReST). */
const READING = 68;
/** How many notices of what the others do are shown at a time; chosen. */
const MENTIONS = 2;
/** By the page's state.
 * @type {Record<string, string>} */
const PLACES = { lobby: 'lobby-notes', room: 'people' };

/** Says something in passing, on the screen and to screen readers.
 * @param {string} words */
export function notify(words) {
  put('notices', words);
}

/** Says what the others do: the latest of it is enough.
 * @param {string} words */
export function mention(words) {
  put('notices', words).toggleAttribute('data-mention', true);
  for (const old of [...mentions()].slice(0, -MENTIONS)) old.remove();
}

/** Takes away what was said of the others. */
export function clearMentions() {
  for (const each of mentions()) each.remove();
}

/** Says to screen readers what everybody else sees happen.
 * @param {string} words */
export function announce(words) {
  byId('announcer', HTMLElement).textContent = words;
}

/** Says that something went wrong.
 * @param {string} words */
export function warn(words) {
  put('alerts', words);
}

/** Puts notices where they are seen and cover nothing that one uses: in the dialog that is open, over the tiles of the room, in
 * the row to join. What is for screen readers only goes into the dialog, too: outside of it nothing is read out. */
export function gather() {
  const dialog = document.querySelector('dialog[open]');
  const place = document.getElementById(PLACES[document.body.dataset.state ?? ''] ?? '');
  move('announcer', dialog ?? document.body);
  move('notes', dialog ?? (place?.checkVisibility() ? place : document.body));
  dialog?.addEventListener('close', gather, { once: true });
}

/** @param {string} id
 * @param {Element} holder */
function move(id, holder) {
  const moved = byId(id, HTMLElement);
  if (moved.parentElement !== holder) holder.append(moved);
}

function mentions() {
  return document.querySelectorAll('#notices [data-mention]');
}

/** Says it once: the same words that are still shown go.
 * @param {'notices' | 'alerts'} id
 * @param {string} words */
function put(id, words) {
  gather();
  const place = byId(id, HTMLElement);
  for (const each of [...place.children]) if (each.textContent === words) each.remove();
  const notice = element('p', { class: 'notice', tabindex: '0' }, words);
  notice.onclick = () => notice.remove();
  place.append(notice);
  removeWhenRead(notice);
  return notice;
}

/** Lets a notice go when there was time to read it, and not while it is pointed at, has the focus, or nobody looks at the page.
 * @param {HTMLElement} notice */
function removeWhenRead(notice) {
  const again = () => removeWhenRead(notice);
  setTimeout(() => {
    if (document.hidden) document.addEventListener('visibilitychange', again, { once: true });
    else if (notice.matches(':hover, :focus')) again();
    else notice.remove();
  }, NOTICING + READING * (notice.textContent ?? '').length);
}
