// @ts-check
/** @import {ClientMessage, ServerMessage} from './types.js' */

/** All times are in ms, and chosen: a short break is hardly noticed, and a server that is down isn't asked all the time.
 * How long until the first try to come back, and the longest time between two; how long a try may take. */
const FIRST_DELAY = 250;
const LONGEST_DELAY = 5000;
const CONNECT_TIMEOUT = 6000;
/** How long the server, which reports every two seconds, may be silent before it is asked whether it is there. */
const SILENCE = 5000;
/** How long it may take to answer. */
const ANSWER_TIMEOUT = 2000;
/** How long the server may take for its last words. */
const FAREWELL = 1500;

/**
 * @typedef {object} SignalingEvents
 * @property {() => void} open the socket is open: send the first message now
 * @property {(message: ServerMessage) => void} message
 * @property {() => void} down the socket is gone; the next try follows by itself
 */

/** The WebSocket: typed messages, and a new connection with exponential backoff whenever one ends unasked. */
export class Signaling {
  #url;
  #events;
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  #timer = 0;
  #closed = false;
  /** When something was heard, on the clock that stands still in sleep. */
  #heard = 0;
  #watch = 0;
  #probe = 0;

  /**
   * @param {string} url
   * @param {SignalingEvents} events
   */
  constructor(url, events) {
    this.#url = url;
    this.#events = events;
  }

  /** Connects; to be called once. */
  open() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    const timeout = setTimeout(() => this.#drop(socket), CONNECT_TIMEOUT);
    socket.onopen = () => {
      clearTimeout(timeout);
      this.#heard = performance.now();
      this.#watch = window.setInterval(() => this.#checkSilence(), 1000);
      this.#events.open();
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = () => {
      clearTimeout(timeout);
      this.#drop(socket);
    };
  }

  /** Whether a message sent now has a socket to go through. */
  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Sends, or drops the message when there is no connection: the state is told again after rejoining. Tells which.
   * @param {ClientMessage} message */
  send(message) {
    if (this.isOpen) this.#socket?.send(JSON.stringify(message));
    return this.isOpen;
  }

  /** Asks for a sign of life, and connects again when there is none: a socket whose network went away looks healthy for minutes. */
  probe() {
    const socket = this.#socket;
    if (!this.isOpen || this.#probe) return;
    this.send({ type: 'totals' });
    this.#probe = window.setTimeout(() => {
      this.#probe = 0;
      if (socket) this.#drop(socket);
    }, ANSWER_TIMEOUT);
  }

  /** Says that the connection proved good, so that the next failure is retried at once. */
  settle() {
    this.#failures = 0;
  }

  /** Drops the socket, however healthy it looks, and connects again. */
  reconnect() {
    if (this.#socket) this.#drop(this.#socket);
  }

  /** Ends the wait for the next try, if there is one. */
  retryNow() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.open();
  }

  /** Closes for good. */
  close() {
    this.#finish();
    this.#detach();
  }

  /** Closes for good, after what the server still has to say. */
  closeAfterFarewell() {
    this.#finish();
    clearInterval(this.#watch);
    setTimeout(() => this.#detach(), FAREWELL);
  }

  #finish() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #checkSilence() {
    if (performance.now() - this.#heard > SILENCE) this.probe();
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#heard = performance.now();
    clearTimeout(this.#probe);
    this.#probe = 0;
    /** @type {ServerMessage} */
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    this.#events.message(message);
  }

  /** @param {WebSocket} socket */
  #drop(socket) {
    if (socket !== this.#socket || this.#closed) return;
    this.#detach();
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures);
    this.#failures += 1;
    this.#timer = window.setTimeout(() => this.retryNow(), delay);
    this.#events.down();
  }

  #detach() {
    const socket = this.#socket;
    this.#socket = null;
    clearInterval(this.#watch);
    clearTimeout(this.#probe);
    this.#probe = 0;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
