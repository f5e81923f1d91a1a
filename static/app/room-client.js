// @ts-check
import { OwnMedia } from './own-media.js';
import { Connections } from '../rtc/connections.js';
import { RoomState } from '../protocol/room-state.js';
import { Signaling } from '../protocol/signaling.js';
import { VERSION } from '../protocol/types.js';

/** @import {Media} from './own-media.js' */
/** @import {Secrets} from './secrets.js' */
/** @import {ClientMessage, Joined, Participant, Policy, Receive, ServerError, ServerMessage} from '../protocol/types.js' */
/** @import {Tracks} from '../rtc/publisher.js' */
/** @import {Streams} from '../rtc/subscriber.js' */

/**
 * `connecting`: not heard of the server yet. `rejoining`: was in the room, the connection is being made again.
 * `closed`: over, by us or by the server.
 * @typedef {'connecting' | 'lobby' | 'waiting' | 'room' | 'rejoining' | 'closed'} Phase
 */

/**
 * @typedef {object} RoomClientEvents
 * @property {(phase: Phase, error: ServerError | null) => void} phase
 * @property {(joined: Joined) => void} joined after every connection, before the phase changes
 * @property {() => void} unreachable a try to reach the server failed; the next one follows by itself
 * @property {(message: ServerMessage, before: Participant | null) => void} told after `state` has taken the message in;
 *   `before` is what was known of the participant it is about
 * @property {() => void} changed who is there, or what is known of them
 * @property {(streams: Streams) => void} streams
 */

/** What the list of people shows, besides the participants themselves. */
const REDRAWS = new Set(['quality', 'paused', 'hidden', 'lobby', 'viewers']);

/** Errors after which a seat is worth asking for again. */
const PASSING = new Set(['shutting-down', 'too-many-messages', 'not-joined', 'moved']);
/** Errors that leave one in the lobby. */
const NOT_LET_IN = new Set(['room-full', 'room-locked']);

/** One stay: the lobby, the room, and the way back after each loss. */
export class RoomClient {
  state = new RoomState();
  #events;
  #signaling;
  #connections;
  #options;
  #ownMedia;
  /** @type {Phase} */
  #phase = 'connecting';
  /** Whether the person has asked to go in. */
  #wantsIn = false;
  #sharing = false;

  /**
   * @param {{url: string, room: string, name: string, background: string, secrets: Secrets}} options
   * @param {RoomClientEvents} events
   */
  constructor(options, events) {
    this.#options = { ...options };
    this.#events = events;
    this.#signaling = new Signaling(options.url, {
      open: () => this.#join(),
      message: (message) => this.#receive(message),
      down: () => this.#down(),
    });
    this.#connections = new Connections({
      send: (message) => this.#signaling.send(message),
      startOver: () => this.#signaling.reconnect(),
      streams: (streams) => events.streams(streams),
    });
    this.#ownMedia = new OwnMedia({
      send: (message) => this.send(message),
      replace: (kind, tracks) => this.#connections.replace(kind, tracks),
      changed: () => events.changed(),
    });
  }

  get seat() {
    return this.state.seat;
  }

  /** What lets one in, on a server with keys. */
  get token() {
    return this.#options.secrets.token;
  }

  get phase() {
    return this.#phase;
  }

  /** Everybody in the room. The server tells what the others send; what we send ourselves we know. */
  get participants() {
    const { self, participants, hidden } = this.state;
    return [...participants.values()].map((each) => ({ ...each, ...(each.id === self && this.#ownMedia.told), hidden: hidden[each.id] ?? null }));
  }

  /**
   * Connects, and comes to the lobby.
   *
   * @param {Tracks} tracks
   * @param {Media} media
   */
  start(tracks, media) {
    this.#ownMedia.begin(tracks, media);
    this.#signaling.open();
  }

  /** Goes from the lobby into the room, now or as soon as the server is there.
   * @param {string} name */
  enter(name) {
    this.#options.name = name;
    this.#wantsIn = true;
    if (this.#phase === 'lobby') this.#askIn();
  }

  /**
   * Replaces what is sent, and tells the others whether anything is.
   *
   * @param {Tracks} tracks
   * @param {Media} media what the others should get
   */
  setTracks(tracks, media) {
    return this.#ownMedia.replace(tracks, media);
  }

  /** Tells whether what one says is captioned.
   * @param {boolean} on */
  setCaptions(on) {
    this.#ownMedia.setCaptions(on);
  }

  /** @param {string} id */
  setBackground(id) {
    this.#options.background = id;
    this.send({ type: 'background', background: id });
  }

  /** @param {boolean} wanted whether the server shall learn the empty room */
  setPlate(wanted) {
    this.send({ type: 'plate', wanted });
  }

  /** @param {MediaStream} stream */
  share(stream) {
    this.#sharing = true;
    this.#connections.share(stream);
  }

  /** @param {boolean} tell false when the server knows already */
  unshare(tell) {
    if (this.#sharing && tell) this.send({ type: 'screen', shared: false });
    this.#sharing = false;
    this.#connections.unshare();
  }

  /** Tells whether it went out.
   * @param {ClientMessage} message */
  send(message) {
    return this.#signaling.send(message);
  }

  /** @param {Partial<Policy>} policy */
  setPolicy(policy) {
    this.send({ type: 'policy', policy });
  }

  /** Says what is wanted of the others' cameras, and who is shown large; who wants less sends less.
   * @param {Receive['video']} video
   * @param {string | null} large */
  receive(video, large) {
    this.send({ type: 'receive', video, large });
    this.#connections.save(video !== 'all');
  }

  /** Of the camera's picture as it is sent. */
  get size() {
    return this.#connections.size;
  }

  stats() {
    return this.#connections.stats();
  }

  /** Does now what would be tried anyway; to be called when the network came back or the page is looked at again. */
  retryNow() {
    this.#signaling.retryNow();
    this.#signaling.probe();
    this.#connections.restartDown();
  }

  /** @param {boolean} [returning] whether the page may be loaded again in a moment */
  leave(returning = false) {
    this.send({ type: 'leave', ...(returning && { returning }) });
    this.#signaling.closeAfterFarewell();
    this.#part(null);
  }

  #join() {
    const { room, name, background, secrets: { host: kept, token, pin, seat: former } } = this.#options;
    const { seat } = this.state;
    const host = this.state.hostToken ?? kept;
    this.send({
      type: 'join', version: VERSION, room, name, background, preview: true, 
      ...(seat && { seat }), ...(former && !seat && { former }), ...(host && { hostToken: host }), ...(token && { token }), ...(pin && { pin }),
    });
  }

  #askIn() {
    const host = this.state.hostToken ?? this.#options.secrets.host;
    this.send({ type: 'enter', name: this.#options.name, ...(host && { hostToken: host }) });
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    if (this.#phase === 'closed' && message.type !== 'receipt') return;
    if (message.type === 'answer') return this.#connections.answer(message);
    if (message.type === 'offer') return this.#connections.offer(message);
    if (message.type === 'camera') return this.#connections.limit(message);
    const before = this.#aboutWhom(message);
    this.state.apply(message);
    switch (message.type) {
      case 'joined': return this.#arrive(message);
      case 'entered': return this.#setPhase('room', null);
      case 'waiting': return this.#setPhase('waiting', null);
      case 'error': return this.#fail(message);
      case 'background': this.#options.background = message.background;
    }
    this.#events.told(message, before);
    if (message.type.startsWith('participant-') || REDRAWS.has(message.type)) this.#events.changed();
  }

  /** @param {ServerMessage} message */
  #aboutWhom(message) {
    if (!('participant' in message) || !message.participant) return null;
    const id = typeof message.participant === 'string' ? message.participant : message.participant.id;
    return this.state.participants.get(id) ?? null;
  }

  /** @param {Joined} joined */
  #arrive(joined) {
    this.#options.background = joined.background;
    this.#signaling.settle();
    this.#events.joined(joined);
    this.#ownMedia.tell();
    const sharing = this.#sharing && this.state.me?.screen === true;
    this.#connections.begin({ iceServers: joined.iceServers, limits: joined.limits, sharing }, this.#ownMedia.tracks);
    if (this.state.place === 'lobby' && this.#wantsIn) return this.#askIn();
    this.#setPhase(this.state.place, null);
  }

  /** @param {ServerError} error */
  #fail(error) {
    if (NOT_LET_IN.has(error.code) && this.state.seat && !error.fatal) {
      this.#wantsIn = false;
      return this.#setPhase('lobby', error);
    }
    if (!error.fatal) return this.#events.told(error, null);
    if (this.state.seat && PASSING.has(error.code)) return this.#signaling.reconnect();
    this.#end(error);
  }

  #down() {
    if (this.#phase === 'room') this.#setPhase('rejoining', null);
    else if (this.#phase !== 'rejoining') this.#events.unreachable();
  }

  /** @param {ServerError | null} error */
  #end(error) {
    this.#signaling.close();
    this.#part(error);
  }

  /** @param {ServerError | null} error */
  #part(error) {
    this.#connections.close();
    this.#setPhase('closed', error);
  }

  /**
   * @param {Phase} phase
   * @param {ServerError | null} error
   */
  #setPhase(phase, error) {
    this.#phase = phase;
    this.#events.phase(phase, error);
    if (phase === 'room') this.#events.changed();
  }
}
