// @ts-check
import { forgetPicture, keepPicture, loadPictures, readPicture } from './pictures.js';

/** @import {Background} from './types.js' */
/** @import {OwnPicture} from './pictures.js' */

/** Hides as much as any picture does: sent until a person's own picture has been uploaded. */
const MEANWHILE = '#26332c';
export const COLORS = ['#2f6b4f', '#35506b', '#d9ded9', '#1d2320'];

/** @type {Background[]} */
const ALWAYS = [
  { id: 'blur', kind: 'blur', title: 'Blur', thumbnail: null },
  { id: 'blur-strong', kind: 'blur', title: 'Strong blur', thumbnail: null },
];

/** What there is to choose from: the server's backgrounds, colours, and the person's own pictures. */
export class Backgrounds {
  #room;
  #changed;
  /** @type {Background[]} */
  #served = ALWAYS;
  /** @type {Map<string, OwnPicture & {url: string}>} */
  #own = new Map();
  /** Own picture → background id on the server.
   * @type {Map<string, string>} */
  #uploaded = new Map();
  wanted;

  /**
   * @param {string} room
   * @param {string} wanted the id of the one chosen
   * @param {() => void} changed
   */
  constructor(room, wanted, changed) {
    this.#room = room;
    this.#changed = changed;
    this.wanted = wanted;
  }

  /** Fetches what can be known before joining. */
  async load() {
    await Promise.all([this.#loadServed(), this.#loadOwn()]);
    if (!this.#isKnown(this.wanted)) this.wanted = 'blur-strong';
    this.#changed();
  }

  /** @returns {Background[]} */
  get list() {
    const own = [...this.#own.values()].map(({ id, title, url }) => (
      /** @type {Background} */ ({ id, kind: 'picture', title, thumbnail: url, mine: true })
    ));
    return [...this.#served, ...own];
  }

  /** @param {string} id */
  find(id) {
    return this.list.find((background) => background.id === id) ?? null;
  }

  /** @param {Background[]} backgrounds as told by the server on joining */
  setServed(backgrounds) {
    this.#served = backgrounds.filter((background) => !background.mine && background.kind !== 'color');
    const there = new Set(backgrounds.map((background) => background.id));
    for (const [own, id] of this.#uploaded) if (!there.has(id)) this.#uploaded.delete(own);
    this.#changed();
  }

  /** The id to name in a join message, which must not wait for an upload. */
  get joinId() {
    return this.knownId ?? MEANWHILE;
  }

  /** The server's id of the wanted background, or null while it has to be uploaded first. */
  get knownId() {
    return this.#own.has(this.wanted) ? this.#uploaded.get(this.wanted) ?? null : this.wanted;
  }

  /** Wants what the server shows.
   * @param {string} serverId */
  revertTo(serverId) {
    const own = [...this.#uploaded].find(([, uploaded]) => uploaded === serverId);
    this.wanted = own ? own[0] : serverId;
  }

  /**
   * The server's id of the wanted background, uploading it when need be.
   *
   * @param {string} seat
   * @returns {Promise<string>} rejected when the upload fails
   */
  async serverId(seat) {
    const { knownId } = this;
    const picture = this.#own.get(this.wanted);
    if (knownId || !picture) return knownId ?? this.wanted;
    const response = await fetch(this.#url(), {
      method: 'POST', body: picture.blob, headers: { Authorization: `Bearer ${seat}`, 'Content-Type': picture.blob.type },
    });
    if (!response.ok) throw new Error(await reason(response));
    /** @type {Background} */
    const background = await response.json();
    this.#uploaded.set(picture.id, background.id);
    return background.id;
  }

  /**
   * Adds a picture and chooses it.
   *
   * @param {File} file
   */
  async add(file) {
    const picture = await readPicture(file);
    this.#own.set(picture.id, { ...picture, url: URL.createObjectURL(picture.blob) });
    this.wanted = picture.id;
    this.#changed();
    await keepPicture(picture);
  }

  /**
   * @param {string} id
   * @param {string | null} seat
   */
  async remove(id, seat) {
    const picture = this.#own.get(id);
    if (!picture) return;
    const uploaded = this.#uploaded.get(id);
    this.#own.delete(id);
    this.#uploaded.delete(id);
    if (this.wanted === id) this.wanted = 'blur-strong';
    this.#changed();
    URL.revokeObjectURL(picture.url);
    await forgetPicture(id);
    if (!uploaded || !seat) return;
    const url = `${this.#url()}/${encodeURIComponent(uploaded.replace(/^upload:/, ''))}`;
    await fetch(url, { method: 'DELETE', headers: { Authorization: `Bearer ${seat}` } });
  }

  async #loadServed() {
    try {
      const response = await fetch('/api/backgrounds');
      if (response.ok) this.#served = await response.json();
    } catch {
      // The two blurs are always there; the rest comes with `joined`.
    }
  }

  async #loadOwn() {
    for (const picture of await loadPictures()) {
      this.#own.set(picture.id, { ...picture, url: URL.createObjectURL(picture.blob) });
    }
  }

  /** @param {string} id */
  #isKnown(id) {
    return /^#[0-9a-f]{6}$/i.test(id) || this.find(id) !== null;
  }

  #url() {
    return `/api/rooms/${encodeURIComponent(this.#room)}/backgrounds`;
  }
}

/** @param {Response} response */
async function reason(response) {
  try {
    return String((await response.json()).message);
  } catch {
    return response.statusText;
  }
}
