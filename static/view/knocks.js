// @ts-check
import { text } from '../strings.js';
import { byId, element } from './dom.js';
import { announce } from './notices.js';

/** @import {Conference} from '../conference.js' */
/** @import {Knock} from '../types.js' */

/** @type {Set<string>} */
let announced = new Set();

/** Shows hosts who wants to come in.
 * @param {Conference} conference */
export function showKnocks(conference) {
  const { knocking, isHost } = conference.state;
  const root = byId('knocks', HTMLElement);
  const shown = isHost ? [...knocking.values()] : [];
  const held = root.contains(document.activeElement);
  root.hidden = shown.length === 0;
  root.replaceChildren(...shown.map((knock) => card(conference, knock)));
  if (held) (root.querySelector('button') ?? byId('room-title', HTMLElement)).focus();
  for (const { id, name } of shown) if (!announced.has(id)) announce(text('knock.notice', { name }));
  announced = new Set(shown.map(({ id }) => id));
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
