// @ts-check
import { text } from '../i18n/strings.js';
import { byId } from './dom.js';
import { hostCommands, spotlight } from './host-commands.js';
import { placeAround, placePair, placeTiles } from './grid.js';
import { announce } from './notices.js';
import { ScreenTile } from './screen-tile.js';
import { Tile } from './tile.js';
import { TileMenu } from './tile-menu.js';

/** @import {ClientMessage, Participant, Policy} from '../protocol/types.js' */
/** @import {Streams} from '../rtc/subscriber.js' */

/** Between tiles, in CSS px; chosen. */
const GAP = 12;
/** How long somebody has to speak before the others make place, in ms. */
const SETTLE = 700;

/** Everybody in the room and what they share, in equal tiles or around a large one. */
export class Tiles {
  /** @type {'grid' | 'speaker'} */
  layout = 'grid';
  /** @type {(layout: 'grid' | 'speaker') => void} */
  onLayout = () => {};
  /** @type {(message: ClientMessage) => void} */
  onCommand = () => {};
  /** Told when somebody else is shown large. */
  onMain = () => {};
  /** Whose camera is shown large, not a screen's.
   * @type {string | null} */
  main = null;
  #root = byId('tiles', HTMLElement);
  #menu = new TileMenu();
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {Map<string, ScreenTile>} */
  #screens = new Map();
  /** @type {Participant[]} */
  #participants = [];
  /** @type {Streams} */
  #streams = new Map();
  #blocked;
  #local = '';
  #isHost = false;
  /** Who may unmute themselves, for the menus of hosts.
   * @type {Policy['unmute']} */
  unmute = 'allowed';
  /** @type {string | null} */
  #pinned = null;
  /** @type {string | null} */
  #speaker = null;
  #settling = 0;
  #hidesSelf = false;

  /** @param {() => void} blocked told when the browser wants a click before it plays sound */
  constructor(blocked) {
    this.#blocked = blocked;
    new ResizeObserver(() => this.#layOut()).observe(this.#root);
  }

  /**
   * @param {Participant[]} participants
   * @param {string} self
   * @param {boolean} isHost
   */
  show(participants, self, isHost) {
    this.#participants = participants;
    this.#local = self;
    this.#isHost = isHost;
    const ids = new Set(participants.map(({ id }) => id));
    for (const [id, tile] of this.#tiles) if (!ids.has(id)) this.#remove(this.#tiles, id, tile);
    for (const participant of participants) {
      const tile = this.#tiles.get(participant.id);
      if (tile) tile.update(participant);
      else this.#add(participant, participant.id === self);
    }
    this.#showScreens();
    this.#layOut();
  }

  /** @param {Streams} streams */
  attach(streams) {
    this.#streams = streams;
    for (const [id, tile] of this.#tiles) tile.attach(streams.get(id) ?? {});
    this.#showScreens();
    this.#layOut();
  }

  /**
   * @param {string | null} speaker whom to show large
   * @param {Set<string>} speaking
   */
  showSpeakers(speaker, speaking) {
    for (const [id, tile] of this.#tiles) tile.setSpeaking(speaking.has(id));
    if (speaker === this.#speaker) return clearTimeout(this.#settling);
    clearTimeout(this.#settling);
    // Oneself is shown large to nobody but the others.
    if (!speaker || speaker === this.#local) return;
    this.#settling = window.setTimeout(() => {
      this.#speaker = speaker;
      if (this.layout === 'speaker') this.#layOut();
    }, this.#speaker ? SETTLE : 0);
  }

  /**
   * @param {string} id
   * @param {string} reaction
   * @param {string} name
   */
  react(id, reaction, name) {
    this.#tiles.get(id)?.react(reaction);
    announce(text('room.said', { name, words: reaction }));
  }

  /** @param {'grid' | 'speaker'} layout */
  setLayout(layout) {
    this.layout = layout;
    this.onLayout(layout);
    this.#layOut();
  }

  /** Shows one's own tile only while nobody else is there.
   * @param {boolean} hide */
  hideSelf(hide) {
    this.#hidesSelf = hide;
    this.#layOut();
  }

  hear() {
    for (const tile of [...this.#tiles.values(), ...this.#screens.values()]) tile.hear();
  }

  clear() {
    for (const [id, tile] of this.#tiles) this.#remove(this.#tiles, id, tile);
    for (const [id, tile] of this.#screens) this.#remove(this.#screens, id, tile);
    this.#pinned = this.#speaker = this.main = null;
    clearTimeout(this.#settling);
  }

  /**
   * @param {Participant} participant
   * @param {boolean} isSelf
   */
  #add(participant, isSelf) {
    const { id } = participant;
    const tile = new Tile(participant, isSelf, { blocked: this.#blocked, menu: (opener) => this.#openMenu(id, tile, opener), pin: () => this.#pin(id) });
    this.#tiles.set(id, tile);
    if (isSelf) this.#root.prepend(tile.element);
    else this.#root.append(tile.element);
    tile.attach(this.#streams.get(id) ?? {});
  }

  #showScreens() {
    const sharing = this.#participants.filter(({ id }) => id !== this.#local && this.#streams.get(id)?.screen);
    const ids = new Set(sharing.map(({ id }) => id));
    for (const [id, tile] of this.#screens) if (!ids.has(id)) this.#remove(this.#screens, id, tile);
    for (const { id, name } of sharing) {
      let tile = this.#screens.get(id);
      if (!tile) {
        const made = new ScreenTile(id, name, { blocked: this.#blocked, menu: (opener) => this.#openMenu(screenKey(id), made, opener), pin: () => this.#pin(screenKey(id)) });
        this.#screens.set(id, tile = made);
        this.#root.append(tile.element);
      }
      tile.attach(this.#streams.get(id) ?? {});
    }
  }

  /**
   * @template {Tile | ScreenTile} T
   * @param {Map<string, T>} tiles
   * @param {string} id
   * @param {T} tile
   */
  #remove(tiles, id, tile) {
    this.#menu.closeFor(tile.element); // its focus goes back to the tile
    if (tile.element.contains(document.activeElement)) byId('room-title', HTMLElement).focus();
    tile.remove();
    tiles.delete(id);
  }

  /** @param {string} key */
  #pin(key) {
    this.#pinned = this.#pinned === key ? null : key;
    this.#layOut();
    announce(text(this.#pinned ? 'tile.pinned' : 'layout.grid'));
  }

  /**
   * @param {string} key
   * @param {Tile | ScreenTile} tile
   * @param {HTMLElement} opener
   */
  #openMenu(key, tile, opener) {
    const participant = this.#isHost ? this.#participants.find(({ id }) => id === key) : undefined;
    this.#menu.open(opener, tile, {
      isPinned: this.#pinned === key,
      pin: () => this.#pin(key),
      commands: participant ? [spotlight(participant), ...(key === this.#local ? [] : hostCommands(participant, this.unmute))] : [],
      name: participant?.name ?? '',
      send: this.onCommand,
    });
  }

  /** The key of whom a host has everybody see large, or of the screen that they share. */
  get #spotlit() {
    const id = this.#participants.find(({ spotlit }) => spotlit)?.id ?? this.#local;
    if (id === this.#local) return null; // shown large to the others
    return this.#screens.has(id) ? screenKey(id) : id;
  }

  /** The key of what is shown large, or null for equal tiles. */
  get #main() {
    const keys = new Set([...this.#tiles.keys(), ...[...this.#screens.keys()].map(screenKey)]);
    const [screen] = this.#screens.keys();
    const others = this.#participants.find(({ id }) => id !== this.#local)?.id;
    const wanted = [this.#pinned, this.#spotlit, screen ? screenKey(screen) : null, this.layout === 'speaker' ? this.#speaker : null, this.layout === 'speaker' ? others : null];
    return wanted.find((key) => key && keys.has(key)) ?? null;
  }

  /** @param {string | null} main */
  #tellMain(main) {
    if (main === this.main) return;
    this.main = main;
    this.onMain();
  }

  #layOut() {
    const shown = [...[...this.#tiles].map(([id, tile]) => ({ key: id, tile })), ...[...this.#screens].map(([id, tile]) => ({ key: screenKey(id), tile }))];
    shown.sort((a, b) => Number(b.key === this.#local) - Number(a.key === this.#local));
    const own = this.#hidesSelf && shown.length > 1 ? shown.findIndex(({ key }) => key === this.#local) : -1;
    if (own >= 0) shown.splice(own, 1);
    this.#tiles.get(this.#local)?.element.toggleAttribute('data-away', own >= 0);
    const area = { width: this.#root.clientWidth, height: this.#root.clientHeight };
    const main = shown.findIndex(({ key }) => key === this.#main);
    const isPair = main < 0 && shown.length === 2 && this.#tiles.size === 2 && area.width > area.height;
    const boxes = isPair ? placePair(area, GAP) : main < 0 ? placeTiles(shown.length, area, GAP) : placeAround(shown.length, main, area, GAP);
    shown.forEach(({ key, tile }, index) => tile.place(boxes[index], index === main, key === this.#pinned));
    this.#root.dataset.layout = isPair ? 'pair' : main < 0 ? 'grid' : 'focus';
    this.#tellMain(main < 0 || !this.#tiles.has(shown[main].key) ? null : shown[main].key);
  }
}

/** @param {string} id of whoever shares */
function screenKey(id) {
  return `screen/${id}`;
}
