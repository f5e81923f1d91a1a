// @ts-check
import { byId } from './dom.js';
import { fitTiles } from './grid.js';
import { Tile } from './tile.js';

/** @import {Participant} from '../types.js' */
/** @import {Streams} from '../subscriber.js' */

const GAP = 12;
/** Above this level, in [0, 1], somebody speaks. */
const SPEECH = 0.02;

/** Everybody in the room, in tiles as large as fit. */
export class Tiles {
  #root = byId('tiles', HTMLElement);
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {Streams} */
  #streams = new Map();
  #blocked;

  /** @param {() => void} blocked told when the browser wants a click before it plays sound */
  constructor(blocked) {
    this.#blocked = blocked;
    new ResizeObserver(() => this.#layOut()).observe(this.#root);
  }

  /**
   * @param {Participant[]} participants
   * @param {string} self
   */
  show(participants, self) {
    const ids = new Set(participants.map(({ id }) => id));
    for (const [id, tile] of this.#tiles) if (!ids.has(id)) this.#remove(id, tile);
    for (const participant of participants) {
      const tile = this.#tiles.get(participant.id);
      if (tile) tile.update(participant);
      else this.#add(participant, participant.id === self);
    }
    this.#layOut();
  }

  /** @param {Streams} streams */
  attach(streams) {
    this.#streams = streams;
    for (const [id, tile] of this.#tiles) tile.attach(streams.get(id) ?? {});
  }

  /** @param {Map<string, number>} levels by participant, in [0, 1] */
  showLevels(levels) {
    for (const [id, tile] of this.#tiles) tile.setSpeaking((levels.get(id) ?? 0) > SPEECH);
  }

  hear() {
    for (const tile of this.#tiles.values()) tile.hear();
  }

  clear() {
    for (const [id, tile] of this.#tiles) this.#remove(id, tile);
  }

  /**
   * @param {Participant} participant
   * @param {boolean} isSelf
   */
  #add(participant, isSelf) {
    const tile = new Tile(participant, isSelf, this.#blocked);
    this.#tiles.set(participant.id, tile);
    if (isSelf) this.#root.prepend(tile.element);
    else this.#root.append(tile.element);
    tile.attach(this.#streams.get(participant.id) ?? {});
  }

  /**
   * @param {string} id
   * @param {Tile} tile
   */
  #remove(id, tile) {
    tile.remove();
    this.#tiles.delete(id);
  }

  #layOut() {
    const { width, height } = fitTiles(this.#tiles.size, { width: this.#root.clientWidth, height: this.#root.clientHeight }, GAP);
    this.#root.style.setProperty('--tile-width', `${width}px`);
    this.#root.style.setProperty('--tile-height', `${height}px`);
  }
}
