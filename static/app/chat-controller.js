// @ts-check
import { deleteFile, save, upload } from './file-transfer.js';
import { text } from '../i18n/strings.js';
import { Chat } from '../view/chat.js';
import { ChatFiles } from '../view/chat-files.js';
import { clearMentions, mention } from '../view/notices.js';

/** @import {RoomState} from '../protocol/room-state.js' */
/** @import {Chat as ChatMessage, ClientMessage, Participant} from '../protocol/types.js' */

/**
 * @typedef {object} ChatControllerEvents
 * @property {(message: ClientMessage) => boolean} send
 * @property {() => string} seat what shows the server who sends and saves files
 * @property {() => boolean} seen whether the chat is open
 */

/** The chat: what is written, and the files in it. */
export class ChatController {
  #room;
  #events;
  #files;
  #chat;

  /**
   * @param {string} room
   * @param {ChatControllerEvents} events
   */
  constructor(room, events) {
    this.#room = room;
    this.#events = events;
    this.#files = new ChatFiles({
      send: (file, to, progress) => upload(this.#address(to && `?to=${encodeURIComponent(to)}`), file, events.seat(), progress),
      save: ({ id }, name) => save(this.#address(`/${encodeURIComponent(id)}`), name, events.seat()),
      delete: ({ id }) => deleteFile(this.#address(`/${encodeURIComponent(id)}`), events.seat()),
    });
    this.#chat = new Chat((words, to) => events.send({ type: 'chat', text: words, ...(to && { to }) }), this.#files);
  }

  get unread() {
    return this.#chat.unread;
  }

  /**
   * @param {RoomState} state
   * @param {boolean} back whether what is new was written while the connection was lost
   */
  show({ chat, self, limits }, back) {
    const { unread } = this.#chat;
    this.#chat.show(chat, self, !back || this.#events.seen(), limits?.chat);
    if (this.#chat.unread > unread) mention(text('toolbar.chat.unread', { n: this.#chat.unread }));
  }

  /**
   * @param {ChatMessage} message
   * @param {string} self
   */
  receive(message, self) {
    const own = message.participant === self;
    this.#chat.add(message, own, this.#events.seen());
    if (!own && this.#chat.unread) mention(text('room.said', { name: message.name, words: message.text.slice(0, 120) }));
  }

  /** @param {string} file */
  showDeleted(file) {
    this.#files.showDeleted(file);
  }

  /** @param {Participant[]} readers to whom one can write alone */
  offerReaders(readers) {
    this.#chat.offerReaders(readers);
  }

  /** Offers files as far as the room allows them.
   * @param {RoomState} state */
  allow({ effective, limits, isHost }) {
    this.#files.allow(effective.files ? limits?.fileBytes ?? 0 : 0, isHost);
  }

  focus() {
    clearMentions(); // what was written can be read here
    this.#chat.focus();
  }

  clear() {
    this.#files.clear();
    this.#chat.clear();
  }

  /** @param {string} rest */
  #address(rest) {
    return `/api/rooms/${encodeURIComponent(this.#room)}/files${rest}`;
  }
}
