// @ts-check
import { loadPreferences } from './preferences.js';
import { playNotes } from '../devices/loudspeaker.js';
import { text } from '../i18n/strings.js';

/** @import {Participant, ServerMessage} from '../protocol/types.js' */
/** @import {RoomState} from '../protocol/room-state.js' */

/** @typedef {'join' | 'knock' | 'hand' | 'message'} Event */

/** What each event sounds like, in Hz.
 * @type {Record<Event, number[]>} */
const NOTES = { join: [523, 659], knock: [392, 392], hand: [659, 784], message: [880] };

/** Between two sounds of a kind: a flood of events would drown the voices, and take an AudioContext each. Chosen. */
const QUIET = 2000; // ms

/** Calls for attention with a sound, and with the system's notification while the page is not looked at. */
export class Attention {
  #room;
  /** When each kind sounded last, in ms.
   * @type {Map<Event, number>} */
  #sounded = new Map();

  /** @param {string} room */
  constructor(room) {
    this.#room = room;
  }

  /**
   * @param {ServerMessage} message
   * @param {Participant | null} before what was known of the participant it is about
   * @param {RoomState} state
   */
  hear(message, before, { self, isHost }) {
    switch (message.type) {
      case 'participant-joined': return this.#call('join', text('room.joined', { name: message.participant.name }));
      case 'knock': return isHost ? this.#call('knock', text('knock.notice', { name: message.participant.name })) : undefined;
      case 'participant-updated': {
        const { id, name, hand } = message.participant;
        return hand && before && !before.hand && id !== self ? this.#call('hand', text('room.hand', { name })) : undefined;
      }
      case 'chat': {
        const { participant, name, text: words } = message.chat;
        if (participant !== self) this.#call('message', text('room.said', { name, words: words.slice(0, 120) }));
      }
    }
  }

  /**
   * @param {Event} event
   * @param {string} words
   */
  #call(event, words) {
    const { sounds, notifications } = loadPreferences();
    if (sounds.includes(event)) this.#sound(event);
    if (!notifications || !document.hidden || typeof Notification === 'undefined' || Notification.permission !== 'granted') return;
    try {
      new Notification(this.#room, { body: words, tag: event });
    } catch {
      // phones show notifications of installed pages only
    }
  }

  /** @param {Event} event */
  #sound(event) {
    const now = performance.now();
    if (now - (this.#sounded.get(event) ?? -QUIET) < QUIET) return;
    this.#sounded.set(event, now);
    void playNotes(NOTES[event]);
  }
}
