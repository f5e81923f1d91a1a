// @ts-check
import { showInTab } from './favicon.js';
import { Door } from '../view/door.js';

/** @import {Secrets} from './secrets.js' */
/** @import {ServerError} from '../protocol/types.js' */

/** Who isn't let in, and what leads on: another PIN, which is kept once the server has known it, or another link. */
export class DoorController {
  #room;
  #secrets;
  #door;

  /**
   * @param {string} room
   * @param {Secrets} secrets
   * @param {() => void} ask asks to be let in with another PIN
   */
  constructor(room, secrets, ask) {
    this.#room = room;
    this.#secrets = secrets;
    this.#door = new Door({
      pin: (pin) => {
        secrets.pin = pin;
        ask();
      },
      link: (link) => this.#follow(link),
    });
  }

  /** Whether one stands here. */
  get isShut() {
    return document.body.dataset.state === 'door';
  }

  /** Stands where one isn't let in.
   * @param {ServerError} error */
  stand(error) {
    this.#secrets.keep('pin', null);
    showInTab('idle', this.#room, 0);
    this.#door.show(error);
  }

  /** Keeps what one was let in with. */
  open() {
    this.#secrets.keep('pin', this.#secrets.pin);
  }

  /** Goes where an invitation leads; to the same room that takes a load, because only the fragment differs.
   * @param {URL} link */
  #follow(link) {
    const here = link.pathname === location.pathname && link.search === location.search;
    this.#secrets.forget();
    location.assign(link);
    if (here) location.reload();
  }
}
