// @ts-check
import { text } from '../i18n/strings.js';
import { byId, element } from './dom.js';
import { announce } from './notices.js';

/** @import {RoomClient} from '../app/room-client.js' */
/** @import {Knock} from '../protocol/types.js' */

/** Shows hosts who wants to come in. Nobody's buttons are drawn anew, or get the focus, when others come and go.
 * @param {RoomClient} client */
export function showWaiting(client) {
  const { knocking, isHost } = client.state;
  const root = byId('knocks', HTMLElement);
  const shown = isHost ? [...knocking.values()] : [];
  const cards = new Map([...root.querySelectorAll('[data-knock]')].map((each) => [each.getAttribute('data-knock'), each]));
  const held = root.contains(document.activeElement);
  for (const [id, gone] of cards) if (!shown.some((knock) => knock.id === id)) gone.remove();
  for (const knock of shown) {
    if (cards.has(knock.id)) continue;
    root.append(card(client, knock));
    announce(text('knock.notice', { name: knock.name }));
  }
  root.hidden = shown.length === 0;
  if (held && !root.contains(document.activeElement)) byId('room-title', HTMLElement).focus();
}

/**
 * @param {RoomClient} client
 * @param {Knock} knock
 */
function card(client, { id, name }) {
  const words = element('p', {}, element('bdi', {}, name), ` ${text('knock.wants')}`);
  const admit = element('button', { type: 'button', class: 'primary', 'aria-label': text('room.said', { name: text('knock.admit'), words: name }) }, text('knock.admit'));
  const deny = element('button', { type: 'button', class: 'secondary', 'aria-label': text('room.said', { name: text('knock.deny'), words: name }) }, text('knock.deny'));
  admit.onclick = () => client.send({ type: 'admit', participant: id });
  deny.onclick = () => client.send({ type: 'deny', participant: id });
  return element('div', { class: 'knock', 'data-knock': id }, words, admit, deny);
}
