// @ts-check
import { text } from '../strings.js';
import { byId } from './dom.js';

/** @import {ServerError} from '../types.js' */

/**
 * The view after a meeting.
 *
 * @param {string} room
 * @param {ServerError | null} error why the server ended it, if it did
 * @param {string | null} reason the same in words
 * @param {() => void} rejoin
 */
export function showLeft(room, error, reason, rejoin) {
  const replaced = error?.code === 'replaced';
  const title = byId('left-title', HTMLElement);
  title.textContent = text(replaced ? 'left.replaced' : error ? 'left.ended' : 'left.title');
  byId('left-text', HTMLElement).textContent = replaced ? text('left.replaced.text') : reason ?? text('left.text', { room });
  byId('rejoin', HTMLButtonElement).onclick = rejoin;
  title.focus();
}
