// @ts-check
import { Publisher } from './publisher.js';
import { Signaling } from './signaling.js';
import { Subscriber } from './subscriber.js';
import { VERSION } from './types.js';

/** @import {FilterReport, Joined, Kind, Participant, ServerError, ServerMessage} from './types.js' */
/** @import {Tracks} from './publisher.js' */
/** @import {Streams} from './subscriber.js' */

/**
 * `joining`: never been in yet. `rejoining`: was in, the connection is being made again. `closed`: over, by us or by the server.
 * @typedef {'joining' | 'joined' | 'rejoining' | 'closed'} Phase
 * @typedef {'joined' | 'left' | 'lost' | 'back' | 'away'} Presence
 */

/**
 * @typedef {object} ConferenceEvents
 * @property {(phase: Phase, error: ServerError | null) => void} phase
 * @property {(joined: Joined) => void} joined
 * @property {() => void} unreachable a try to reach the server failed; the next one follows by itself
 * @property {(participants: Participant[], self: string) => void} participants
 * @property {(participant: Participant, presence: Presence) => void} presence
 * @property {(streams: Streams) => void} streams
 * @property {(id: string) => void} background
 * @property {(report: FilterReport) => void} filter
 * @property {(error: ServerError) => void} error
 */

/** Errors after which a seat is worth asking for again. */
const PASSING = new Set(['shutting-down', 'internal', 'too-many-messages', 'not-joined']);

/** One stay in one room: the signalling, the two peer connections, and who else is there. */
export class Conference {
  #events;
  #signaling;
  #room;
  #name;
  #background;
  /** @type {Tracks} */
  #tracks = { video: null, audio: null };
  #media = { audio: false, video: false };
  /** @type {Phase} */
  #phase = 'joining';
  /** @type {Joined | null} */
  #joined = null;
  /** @type {Map<string, Participant>} */
  #participants = new Map();
  /** @type {Publisher | null} */
  #publisher = null;
  /** @type {Subscriber | null} */
  #subscriber = null;
  #restarted = false;

  /**
   * @param {{url: string, room: string, name: string, background: string}} options
   * @param {ConferenceEvents} events
   */
  constructor({ url, room, name, background }, events) {
    this.#room = room;
    this.#name = name;
    this.#background = background;
    this.#events = events;
    this.#signaling = new Signaling(url, {
      open: () => this.#join(),
      message: (message) => this.#receive(message),
      down: () => this.#down(),
    });
  }

  get seat() {
    return this.#joined?.seat ?? null;
  }

  get phase() {
    return this.#phase;
  }

  /**
   * Connects and enters the room.
   *
   * @param {Tracks} tracks
   * @param {{audio: boolean, video: boolean}} media
   */
  start(tracks, media) {
    this.#tracks = { ...tracks };
    this.#media = media;
    this.#signaling.open();
  }

  /**
   * Replaces what is sent, and tells the others whether anything is. A camera is told off before it goes and on after it came.
   *
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   * @param {boolean} live whether the others should get it
   */
  async setTrack(kind, track, live) {
    const changed = this.#tracks[kind] !== track;
    this.#tracks[kind] = track;
    if (!live) this.#tell(kind, false);
    if (changed) await this.#publisher?.replace(kind, track);
    if (live) this.#tell(kind, true);
  }

  /** @param {string} id */
  setBackground(id) {
    this.#background = id;
    this.#signaling.send({ type: 'background', background: id });
  }

  levels() {
    return this.#subscriber?.levels() ?? Promise.resolve(/** @type {Map<string, number>} */ (new Map()));
  }

  /** Does now what would be tried anyway; to be called when the network came back or the page is looked at again. */
  retryNow() {
    if (this.#publisher?.isDown || this.#subscriber?.isDown) this.#signaling.reconnect();
    this.#signaling.retryNow();
  }

  leave() {
    this.#signaling.send({ type: 'leave' });
    this.#end(null);
  }

  #join() {
    const seat = this.#joined?.seat;
    this.#signaling.send({
      type: 'join', version: VERSION, room: this.#room, name: this.#name, background: this.#background, ...(seat && { seat }),
    });
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    switch (message.type) {
      case 'joined': return this.#enter(message);
      case 'participant-joined': return this.#arrive(message.participant);
      case 'participant-updated': return this.#update(message.participant);
      case 'participant-left': return this.#depart(message.participant, message.reason === 'lost');
      case 'answer': return this.#guard(this.#publisher?.answer(message));
      case 'offer': return this.#guard(this.#subscriber?.offer(message));
      case 'background':
        this.#background = message.background;
        return this.#events.background(message.background);
      case 'filter': return this.#events.filter(message);
      case 'error': return this.#fail(message);
    }
  }

  /** @param {Joined} joined */
  #enter(joined) {
    this.#joined = joined;
    this.#background = joined.background;
    this.#participants = new Map(joined.participants.map((participant) => [participant.id, participant]));
    this.#signaling.settle();
    this.#closePeers();
    this.#setPhase('joined', null);
    this.#events.joined(joined);
    this.#listParticipants();
    this.#signaling.send({ type: 'media', ...this.#media });
    this.#subscriber = new Subscriber(this.#peerOptions(() => this.#signaling.reconnect()), this.#events.streams);
    this.#publish(false);
  }

  /** @param {boolean} restart */
  #publish(restart) {
    if (!this.#joined) return;
    this.#publisher?.close();
    const options = { ...this.#peerOptions(() => this.#unpublished()), connected: () => { this.#restarted = false; } };
    this.#publisher = new Publisher(options, this.#joined.limits.video, this.#tracks);
    this.#guard(this.#publisher.offer(restart));
  }

  /** The first loss is answered by a new publish connection, the next by a new everything. */
  #unpublished() {
    if (this.#restarted) return this.#signaling.reconnect();
    this.#restarted = true;
    this.#publish(true);
  }

  /** @param {() => void} lost */
  #peerOptions(lost) {
    return {
      iceServers: this.#joined?.iceServers ?? [],
      send: this.#signaling.send.bind(this.#signaling),
      lost,
    };
  }

  /** A description that the browser refuses, or that came for a closed connection, leaves one way out: to start over.
   * @param {Promise<void> | undefined} step */
  #guard(step) {
    const { seat } = this;
    step?.catch(() => {
      if (this.#phase === 'joined' && this.seat === seat) this.#signaling.reconnect();
    });
  }

  /** @param {Participant} participant */
  #arrive(participant) {
    this.#participants.set(participant.id, participant);
    this.#listParticipants();
    this.#events.presence(participant, 'joined');
  }

  /** @param {Participant} participant */
  #update(participant) {
    const before = this.#participants.get(participant.id);
    this.#participants.set(participant.id, participant);
    this.#listParticipants();
    if (before && before.connected !== participant.connected) {
      this.#events.presence(participant, participant.connected ? 'back' : 'away');
    }
  }

  /**
   * @param {string} id
   * @param {boolean} lost
   */
  #depart(id, lost) {
    const participant = this.#participants.get(id);
    if (!participant) return;
    this.#participants.delete(id);
    this.#listParticipants();
    this.#events.presence(participant, lost ? 'lost' : 'left');
  }

  /** The server tells what the others send; what we send ourselves we know. */
  #listParticipants() {
    const self = this.#joined?.participant ?? '';
    const list = [...this.#participants.values()].map((each) => (each.id === self ? { ...each, ...this.#media } : each));
    this.#events.participants(list, self);
  }

  /** @param {ServerError} error */
  #fail(error) {
    if (!error.fatal) return this.#events.error(error);
    if (this.#joined && PASSING.has(error.code)) return this.#signaling.reconnect();
    this.#end(error);
  }

  #down() {
    if (this.#joined) this.#setPhase('rejoining', null);
    else this.#events.unreachable();
  }

  /**
   * @param {Kind} kind
   * @param {boolean} live
   */
  #tell(kind, live) {
    if (this.#media[kind] === live) return;
    this.#media = { ...this.#media, [kind]: live };
    this.#signaling.send({ type: 'media', ...this.#media });
    this.#listParticipants();
  }

  #closePeers() {
    this.#publisher?.close();
    this.#subscriber?.close();
    this.#publisher = this.#subscriber = null;
    this.#restarted = false;
  }

  /** @param {ServerError | null} error */
  #end(error) {
    this.#signaling.close();
    this.#closePeers();
    this.#setPhase('closed', error);
  }

  /**
   * @param {Phase} phase
   * @param {ServerError | null} error
   */
  #setPhase(phase, error) {
    this.#phase = phase;
    this.#events.phase(phase, error);
  }
}
