// @ts-check
import { text } from '../i18n/strings.js';
import { byId, element } from './dom.js';
import { announce } from './notices.js';

/** @import {Conference} from '../app/room-client.js' */
/** @import {Knock} from '../protocol/types.js' */

/** Shows hosts who wants to come in. Nobody's buttons are drawn anew, or get the focus, when others come and go.
 * @param {Conference} conference */
export function showKnocks(conference) {
  const { knocking, isHost } = conference.state;
  const root = byId('knocks', HTMLElement);
  const shown = isHost ? [...knocking.values()] : [];
  const cards = new Map([...root.querySelectorAll('[data-knock]')].map((each) => [each.getAttribute('data-knock'), each]));
  const held = root.contains(document.activeElement);
  for (const [id, gone] of cards) if (!shown.some((knock) => knock.id === id)) gone.remove();
  for (const knock of shown) {
    if (cards.has(knock.id)) continue;
    root.append(card(conference, knock));
    announce(text('knock.notice', { name: knock.name }));
  }
  root.hidden = shown.length === 0;
  if (held && !root.contains(document.activeElement)) byId('room-title', HTMLElement).focus();
}

/**
 * @param {Conference} conference
 * @param {Knock} knock
 */
function card(conference, { id, name }) {
  const words = element('p', {}, element('bdi', {}, name), ` ${text('knock.wants')}`);
  const admit = element('button', { type: 'button', class: 'primary', 'aria-label': text('room.said', { name: text('knock.admit'), words: name }) }, text('knock.admit'));
  const deny = element('button', { type: 'button', class: 'secondary', 'aria-label': text('room.said', { name: text('knock.deny'), words: name }) }, text('knock.deny'));
  admit.onclick = () => conference.send({ type: 'admit', participant: id });
  deny.onclick = () => conference.send({ type: 'deny', participant: id });
  return element('div', { class: 'knock', 'data-knock': id }, words, admit, deny);
}
