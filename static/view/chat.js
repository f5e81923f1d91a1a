// @ts-check
import { linkify } from '../lib/linkify.js';
import { language, text } from '../i18n/strings.js';
import { KEPT_CHATS } from '../protocol/room-state.js';
import { byId, element, showAction } from './dom.js';
import { warn } from './notices.js';

/** @import {Chat as Message} from '../protocol/types.js' */
/** @import {ChatFiles} from './chat-files.js' */

const TIME = new Intl.DateTimeFormat(language, { hour: 'numeric', minute: '2-digit' });
/** Messages of one person within this time are shown as one block, in ms. */
const BLOCK = 120_000;

/** The chat: messages, and the field to write one. */
export class Chat {
  unread = 0;
  #log = byId('chat-log', HTMLElement);
  #input = byId('chat-text', HTMLTextAreaElement);
  /** @type {Message | null} */
  #last = null;

  #to = byId('chat-to', HTMLSelectElement);
  /** @type {Map<string, string>} */
  #names = new Map();

  #files;

  /**
   * @param {(words: string, to: string) => boolean} send to everybody or one reader; tells whether it went out
   * @param {ChatFiles} files
   */
  constructor(send, files) {
    this.#files = files;
    const form = byId('chat-form', HTMLFormElement);
    form.onsubmit = (event) => {
      event.preventDefault();
      const words = this.#input.value.trim();
      if (this.#to.selectedOptions[0]?.disabled) return warn(text('error.unknown-participant'));
      if (words && !send(words, this.#to.value)) return; // it stays, to be sent later
      this.#input.value = '';
      this.#fit();
    };
    this.#input.oninput = () => this.#fit();
    this.#to.onchange = () => this.#showHint();
    this.#input.onkeydown = (event) => {
      // Safari ends a composition before the key that ends it, whose keyCode is 229 then.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      form.requestSubmit();
    };
  }

  /**
   * Shows what has been written so far.
   *
   * @param {Message[]} messages
   * @param {string} self
   * @param {boolean} seen whether what is new of it does not count as unread
   * @param {number} [limit] characters of a message
   */
  show(messages, self, seen, limit) {
    const known = this.#last?.id ?? 0;
    if (limit) this.#input.maxLength = limit;
    if (messages.length && messages[messages.length - 1].id < known) this.clear();
    for (const message of messages) if (message.id > (this.#last?.id ?? 0)) this.add(message, message.participant === self, seen);
  }

  /**
   * @param {Message} message
   * @param {boolean} own
   * @param {boolean} seen
   */
  add(message, own, seen) {
    const last = this.#last;
    const goesOn = last !== null && last.participant === message.participant && last.to === message.to && message.time - last.time < BLOCK;
    const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
    const entry = element('article', { class: 'chat-entry', 'data-chat': String(message.id) });
    if (own) entry.setAttribute('data-own', '');
    if (!goesOn) entry.append(heading(message, own, this.#privately(message, own)));
    if (message.to) entry.setAttribute('data-private', '');
    entry.append(message.file ? this.#files.show(message.file, message.text) : body(message.text));
    this.#log.append(entry);
    if (this.#log.childElementCount > KEPT_CHATS) this.#log.firstElementChild?.remove();
    this.#last = message;
    if (atEnd || own) this.#log.scrollTop = this.#log.scrollHeight;
    if (!seen && !own) this.#count(this.unread + 1);
  }

  /** Lets one write to somebody alone. Who was chosen and is gone stays chosen: private words must not go to everybody.
   * @param {{id: string, name: string}[]} readers */
  offerReaders(readers) {
    for (const { id, name } of readers) this.#names.set(id, name);
    const { value } = this.#to;
    const gone = value !== '' && !readers.some(({ id }) => id === value);
    const drawn = JSON.stringify([gone, ...readers.map(({ id, name }) => [id, name])]);
    byId('chat-to-field', HTMLElement).hidden = readers.length === 0 && !gone;
    if (this.#to.dataset.drawn === drawn) return;
    this.#to.dataset.drawn = drawn;
    const known = gone ? [...readers, { id: value, name: this.#names.get(value) ?? '' }] : readers;
    this.#to.replaceChildren(new Option(text('chat.everyone'), ''), ...known.map(({ id, name }) => new Option(name, id)));
    this.#to.value = value;
    if (gone) this.#to.options[known.length].disabled = true;
    this.#showHint();
  }

  /** Says that everybody reads it only where that is so. */
  #showHint() {
    byId('chat-hint', HTMLElement).hidden = this.#to.value !== '';
  }

  focus() {
    this.#count(0);
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#input.focus();
  }

  clear() {
    this.#log.replaceChildren();
    this.#last = null;
    this.#count(0);
  }

  /** @param {Message} message @param {boolean} own */
  #privately({ to }, own) {
    if (!to) return '';
    return own ? text('chat.private.to', { name: this.#names.get(to) ?? '' }) : text('chat.private');
  }

  /** @param {number} unread */
  #count(unread) {
    this.unread = unread;
    showAction('chat', { count: unread, label: unread ? text('toolbar.chat.unread', { n: unread }) : text('toolbar.chat') });
  }

  /** As high as what is written, up to a limit of the style sheet. */
  #fit() {
    this.#input.style.setProperty('height', 'auto');
    this.#input.style.setProperty('height', `${this.#input.scrollHeight + 2}px`);
  }
}

/**
 * @param {Message} message
 * @param {boolean} own
 * @param {string} privately who else can read it, if not everybody
 */
function heading({ name, time }, own, privately) {
  return element('p', { class: 'chat-who' }, element('bdi', {}, own ? text('room.you') : name), ' ',
    element('time', { datetime: new Date(time).toISOString() }, TIME.format(time)), ...(privately ? [' ', element('strong', {}, privately)] : []));
}

/** @param {string} words */
function body(words) {
  const pieces = linkify(words).map((piece) => (
    piece.href ? element('a', { href: piece.href, dir: 'ltr', target: '_blank', rel: 'noopener noreferrer nofollow' }, piece.text) : piece.text
  ));
  return element('p', { class: 'chat-text', dir: 'auto' }, ...pieces);
}
