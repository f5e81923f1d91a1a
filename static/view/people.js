// @ts-check
import { text } from '../i18n/strings.js';
import { avatar } from './avatar.js';
import { byId, element, icon } from './dom.js';
import { confirmed } from './confirm.js';
import { command, hostCommands } from './host-commands.js';
import { PolicyForm } from './policy-form.js';

/** @import {Key} from '../i18n/strings.js' */
/** @import {RoomState} from '../protocol/room-state.js' */
/** @import {Background, ClientMessage, Participant, Policy} from '../protocol/types.js' */

/** The list of people and, for hosts, what they decide. */
export class People {
  #list = byId('people-list', HTMLElement);
  #tools = byId('host-tools', HTMLElement);
  #policy;
  #send;
  /** The list as last drawn, so that nothing is drawn (and no focus lost) for no change. */
  #drawn = '';

  /** @param {{send: (message: ClientMessage) => void, titles: () => Background[]}} options */
  constructor({ send, titles }) {
    this.#send = send;
    this.#policy = new PolicyForm((policy) => send({ type: 'policy', policy }), titles);
    byId('mute-all', HTMLButtonElement).onclick = () => send({ type: 'mute' });
    byId('lower-hands', HTMLButtonElement).onclick = () => send({ type: 'lower-hands' });
    byId('end', HTMLButtonElement).onclick = () => void this.#end();
  }

  /**
   * @param {Participant[]} participants
   * @param {RoomState} state
   */
  show(participants, { self, isHost, viewers, lobby, banned, policy }) {
    this.#tools.hidden = !isHost;
    byId('mute-all', HTMLElement).hidden = participants.length < 2;
    byId('lower-hands', HTMLElement).hidden = !participants.some((each) => each.hand);
    const drawn = JSON.stringify([participants, self, isHost, viewers, lobby, banned, policy.unmute]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const held = this.#list.contains(document.activeElement) ? document.activeElement : null;
    const sorted = [...participants].sort((a, b) => (a.hand ?? Infinity) - (b.hand ?? Infinity) || Number(b.id === self) - Number(a.id === self));
    this.#list.replaceChildren(
      ...sorted.map((each) => this.#row(each, each.id === self, isHost ? policy.unmute : null)),
      ...viewers.map((each) => this.#outsider(each, 'people.viewer', isHost ? 'remove' : null)),
      ...(lobby.length ? [this.#clearing()] : []),
      ...lobby.map((each) => this.#outsider(each, 'people.lobby', 'remove')),
      ...banned.map((each) => this.#outsider(each, 'people.banned', 'allow')),
    );
    if (held) this.#focusLike(held);
  }

  /** Focuses what stands for a button that was drawn anew; of the same person, for several may have one name.
   * @param {Element} gone */
  #focusLike(gone) {
    const about = (/** @type {Element} */ each) => JSON.stringify(each.closest('li')?.dataset);
    const again = [...this.#list.querySelectorAll('button')].find((button) => (
      about(button) === about(gone) && button.getAttribute('aria-label') === gone.getAttribute('aria-label')
    ));
    (again ?? byId('panel-title', HTMLElement)).focus();
  }

  /**
   * Somebody who is not in the room.
   *
   * @param {{id: string, name: string}} who
   * @param {Key} note
   * @param {'remove' | 'allow' | null} act
   */
  #outsider({ id, name }, note, act) {
    const words = element('span', { class: 'person-name' }, element('bdi', {}, name), element('small', {}, text(note)));
    const row = element('li', { class: 'person', 'data-outsider': id }, words);
    if (act === null) return row;
    const label = `${text(`host.${act}`)}: ${name}`;
    const button = element('button', { type: 'button', class: 'quiet', 'aria-label': label, title: text(`host.${act}`) }, icon(act === 'remove' ? 'remove' : 'check'));
    button.onclick = () => void command({
      key: `host.${act}`, symbol: '', message: { type: act, participant: id },
      ...(act === 'remove' && { question: { title: 'host.remove.title', words: 'host.remove.text' } }),
    }, name, this.#send);
    row.append(button);
    return row;
  }

  async #end() {
    if (await confirmed({ title: text('host.end.title'), words: text('host.end.text'), action: text('host.end') })) this.#send({ type: 'end' });
  }

  #clearing() {
    const button = element('button', { type: 'button', class: 'secondary' }, text('host.clear-lobby'));
    button.onclick = () => this.#send({ type: 'clear-lobby' });
    return element('li', { class: 'person' }, button);
  }

  /** @param {RoomState} state */
  showPolicy(state) {
    this.#policy.show(state.policy);
    byId('policy-files-field', HTMLElement).hidden = !state.limits?.fileBytes;
    this.#tools.hidden = !state.isHost;
  }

  /**
   * @param {Participant} participant
   * @param {boolean} isSelf
   * @param {Policy['unmute'] | null} unmute who may unmute themselves; null for who may not command
   */
  #row(participant, isSelf, unmute) {
    const { name, audio, video, captions, hand, role, connected, quality, spotlit } = participant;
    const notes = [
      isSelf && text('room.you'), role === 'host' && text('host.role'), spotlit && text('tile.spotlit'), !connected && text('room.away'),
      connected && quality && quality !== 'good' && text(`quality.${quality}`),
    ].filter(Boolean).join(' · ');
    const who = element('span', { class: 'person-name' }, element('bdi', {}, name), element('small', {}, notes));
    const commands = unmute !== null && !isSelf ? hostCommands(participant, unmute) : [];
    const lowers = commands.some(({ message }) => message.type === 'hand'); // its button shows the hand
    const badges = element('span', { class: 'badges' }, ...(hand && !lowers ? [badge('hand', text('room.hand.up'))] : []),
      ...(captions ? [badge('captions', text('captions.has'))] : []), ...(audio ? [] : [badge('mic-off', text('room.muted'))]), ...(video ? [] : [badge('camera-off', text('room.dark'))]));
    const buttons = commands.map((each) => {
      const { key, symbol } = each;
      const words = `${text(key)}: ${name}`;
      const button = element('button', { type: 'button', class: 'quiet', 'aria-label': words, title: text(key) }, icon(symbol));
      button.onclick = () => void command(each, name, this.#send);
      return button;
    });
    return element('li', { class: 'person', 'data-person': participant.id }, avatar(participant), who, badges, element('span', { class: 'commands' }, ...buttons));
  }
}

/**
 * @param {string} symbol
 * @param {string} words
 */
function badge(symbol, words) {
  return element('span', { class: `badge badge-${symbol}`, title: words }, icon(symbol), element('span', { class: 'for-readers' }, words));
}
