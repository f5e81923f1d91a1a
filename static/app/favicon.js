// @ts-check
import { text } from '../i18n/strings.js';

/**
 * Shows in the tab how it is going.
 *
 * @param {'idle' | 'live' | 'muted' | 'lost'} state
 * @param {string} room
 * @param {number} unread
 */
export function showInTab(state, room, unread) {
  const link = document.getElementById('favicon');
  const address = `/static/icons/favicon${state === 'idle' ? '' : `-${state}`}.svg`;
  if (link && link.getAttribute('href') !== address) link.setAttribute('href', address);
  const title = `${unread ? `(${unread}) ` : ''}${room} – ${text('app.name')}`;
  if (document.title !== title) document.title = title;
}
