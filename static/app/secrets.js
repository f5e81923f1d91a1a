// @ts-check
const PREFIX = 'greenroom.';
/** @typedef {'host' | 'token' | 'seat' | 'pin'} Name */

/**
 * The secrets that open a room: what makes one its host, what a server with keys asks for, one's seat before the page was loaded again,
 * and a PIN. They are kept as long as the tab lives, and no longer seen in the address, over a shoulder or on a shared screen.
 */
export class Secrets {
  /** @type {string | null} */
  host;
  /** @type {string | null} */
  token;
  /** @type {string | null} */
  seat;
  /** @type {string | null} */
  pin;
  #room;

  /** Takes in what the address names, and what is kept.
   * @param {string} room */
  constructor(room) {
    this.#room = room;
    const given = new URLSearchParams(location.hash.slice(1));
    const [host, token] = [given.get('host'), given.get('token')];
    if (host || token) history.replaceState(null, '', location.pathname);
    if (host) this.keep('host', host);
    if (token) this.keep('token', token);
    this.host = host || this.#load('host');
    this.token = token || this.#load('token');
    this.seat = this.#load('seat');
    this.pin = this.#load('pin');
  }

  /**
   * @param {Name} name
   * @param {string | null} secret null to forget it
   */
  keep(name, secret) {
    this[name] = secret;
    const key = `${PREFIX}${name}.${this.#room}`;
    try {
      if (secret === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, secret);
    } catch {
      // blocked: it lasts as long as the page
    }
  }

  /** Keeps what the server has told: whoever loads the page again, or left without a connection to say so, takes the same place.
   * @param {{seat: string | null, hostToken: string | null}} told */
  keepPlace({ seat, hostToken }) {
    if (seat !== null && seat !== this.seat) this.keep('seat', seat);
    if (hostToken !== null && hostToken !== this.host) this.keep('host', hostToken);
  }

  forget() {
    for (const name of /** @type {const} */ (['seat', 'host', 'token', 'pin'])) this.keep(name, null);
  }

  /** @param {Name} name */
  #load(name) {
    try {
      return sessionStorage.getItem(`${PREFIX}${name}.${this.#room}`);
    } catch {
      return null;
    }
  }
}
