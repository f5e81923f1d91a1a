// @ts-check
/** @import {Chat, Entered, Hidden, Joined, Knock, Limits, Participant, Place, Policy, Recording, ServerMessage, TokenGrant, Viewer} from './types.js' */
/**
 * With whether the picture stands still for want of bandwidth on our side, and why the server hides it.
 * @typedef {Participant & {paused?: boolean, hidden?: Hidden | null}} ShownParticipant
 */

/** Messages of the chat that a page keeps: of the last hour, where one is written every few seconds. Chosen. */
export const KEPT_CHATS = 1000;

/** @type {Policy} */
const OPEN = { locked: false, waitingRoom: false, backgrounds: 'any', screenShare: 'allowed', recording: false, deviceFilter: 'optional', unmute: 'allowed', files: false, captions: true };

/** What the server has told about the room. Messages go in, state comes out; nothing is sent or shown from here. */
export class RoomState {
  self = '';
  /** @type {string | null} */
  seat = null;
  /** @type {Place} */
  place = 'lobby';
  /** @type {Map<string, ShownParticipant>} */
  participants = new Map();
  /** @type {Map<string, Knock>} */
  knocking = new Map();
  /** Who is in the lobby and has not asked to come in; for hosts.
   * @type {Knock[]} */
  lobby = [];
  /** Who has been removed; for hosts.
   * @type {Knock[]} */
  banned = [];
  /** Who watches from outside.
   * @type {Viewer[]} */
  viewers = [];
  /** @type {Chat[]} */
  chat = [];
  policy = OPEN;
  /** What the policy means for oneself, by one's token. */
  effective = OPEN;
  /** What there is to know of one's token.
   * @type {TokenGrant | null} */
  grant = null;
  /** @type {Recording | null} */
  recording = null;
  /** @type {string[]} */
  reactions = [];
  /** @type {string | null} */
  hostToken = null;
  /** @type {Limits | null} */
  limits = null;
  /** Whom to show large.
   * @type {string | null} */
  speaker = null;
  /** @type {Set<string>} */
  speaking = new Set();
  /** Whose camera the server hides for the moment, and why.
   * @type {Record<string, Hidden>} */
  hidden = {};

  get me() {
    return this.participants.get(this.self) ?? null;
  }

  get isHost() {
    return this.me?.role === 'host';
  }

  get mayShareScreen() {
    const { screenShare } = this.effective;
    return screenShare === 'allowed' || (screenShare === 'hosts' && this.isHost);
  }

  /** @param {string} id */
  nameOf(id) {
    return this.participants.get(id)?.name ?? '';
  }

  /** @param {ServerMessage} message */
  apply(message) {
    switch (message.type) {
      case 'joined': return this.#join(message);
      case 'entered': return this.#enter(message);
      case 'waiting': this.place = 'waiting'; return;
      case 'participant-joined':
      case 'participant-updated': return this.#update(message.participant);
      case 'participant-left': return this.#remove(message.participant);
      case 'knock': this.knocking.set(message.participant.id, message.participant); return;
      case 'knock-ended': this.knocking.delete(message.participant); return;
      case 'lobby':
        this.lobby = message.lobby;
        this.banned = message.banned;
        return;
      case 'viewers': this.viewers = message.viewers; return;
      case 'policy':
        this.policy = message.policy;
        this.effective = message.effective;
        return;
      case 'invitations': this.hostToken = message.hostToken; return;
      case 'recording': this.recording = message.recording; return;
      case 'chat': this.chat = [...this.chat, message.chat].slice(-KEPT_CHATS); return;
      case 'file-deleted':
        this.chat = this.chat.filter(({ file }) => file?.id !== message.file);
        return;
      case 'speaker':
        this.speaker = message.participant;
        this.speaking = new Set(message.speaking);
        return;
      case 'quality':
        for (const [id, quality] of Object.entries(message.quality)) {
          const participant = this.participants.get(id);
          if (participant) this.participants.set(id, { ...participant, quality });
        }
        return;
      case 'hidden': this.hidden = message.participants; return;
      case 'paused': {
        const paused = new Set(message.participants);
        for (const [id, participant] of this.participants) this.participants.set(id, { ...participant, paused: paused.has(id) });
      }
    }
  }

  /** @param {Participant} participant */
  #update(participant) {
    const { id } = participant;
    this.participants.set(id, { ...participant, paused: this.participants.get(id)?.paused ?? false });
  }

  /** @param {Joined} joined */
  #join(joined) {
    this.self = joined.participant;
    this.hidden = {};
    this.seat = joined.seat;
    this.place = joined.state;
    this.policy = joined.policy;
    this.effective = joined.effective;
    this.grant = joined.grant;
    this.reactions = joined.reactions;
    this.limits = joined.limits;
    this.recording = joined.recording;
    this.#fill(joined);
  }

  /** @param {Entered} entered */
  #enter(entered) {
    this.place = 'room';
    this.recording = entered.recording;
    this.#fill(entered);
  }

  /** @param {Joined | Entered} told */
  #fill({ participants, chat, knocking, lobby, banned, viewers, hostToken }) {
    this.lobby = lobby ?? [];
    this.banned = banned ?? [];
    this.viewers = viewers ?? [];
    this.participants = new Map(participants.map((each) => [each.id, each]));
    this.chat = [...chat];
    this.knocking = new Map(knocking.map((each) => [each.id, each]));
    this.hostToken = hostToken ?? this.hostToken;
    this.speaker = null;
    this.speaking = new Set();
  }

  /** @param {string} id */
  #remove(id) {
    this.participants.delete(id);
    this.speaking.delete(id);
    if (this.speaker === id) this.speaker = null;
  }
}
