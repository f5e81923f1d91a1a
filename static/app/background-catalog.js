// @ts-check
import { isKey, text } from '../i18n/strings.js';
import { forgetPicture, keepPicture, loadPictures, readPicture } from './picture-store.js';

/** @import {Background, Policy} from '../protocol/types.js' */
/** @import {OwnPicture} from './picture-store.js' */

/** Hides as much as any picture does: sent until a person's own picture has been uploaded. */
const MEANWHILE = '#26332c';
export const COLORS = ['#2f6b4f', '#35506b', '#d9ded9', '#1d2320'];

/** @type {Background[]} */
const ALWAYS = [
  { id: 'blur', kind: 'blur', title: 'Blur', thumbnail: null },
  { id: 'blur-strong', kind: 'blur', title: 'Strong blur', thumbnail: null },
];

/** What there is to choose from: the server's backgrounds, colours, and the person's own pictures. */
export class BackgroundCatalog {
  #room;
  #changed;
  /** What the server lets one choose now.
   * @type {Background[]} */
  #served = ALWAYS;
  /** Everything it ever named, for their titles.
   * @type {Map<string, Background>} */
  #known = new Map(ALWAYS.map((each) => [each.id, each]));
  /** @type {Policy['backgrounds']} */
  #policy = 'any';
  #isHost = false;
  #uploadBytes = Infinity;
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

  /** What may be chosen now.
   * @returns {Background[]} */
  get list() {
    const own = [...this.#own.values()].filter(({ id }) => this.allows(id)).map(({ id, title, url }) => (
      /** @type {Background} */ ({ id, kind: 'picture', title, thumbnail: url, mine: true })
    ));
    const uploads = new Set(this.#uploaded.values());
    return [...this.#served.filter(({ id, kind }) => kind !== 'color' && !uploads.has(id)), ...own];
  }

  /** The colours that may be chosen now. */
  get colors() {
    if (this.#policy === 'any') return COLORS.includes(this.wanted) || !this.wanted.startsWith('#') ? COLORS : [...COLORS, this.wanted];
    return this.#served.filter(({ kind }) => kind === 'color').map(({ id }) => id);
  }

  get allowsAnything() {
    return this.#policy === 'any';
  }

  /** Hosts may upload always, because they make the lists. */
  get allowsUpload() {
    return this.#policy === 'any' || this.#isHost;
  }

  /** What a host can put on the list: the own pictures that are on the server, too. */
  get everything() {
    const uploads = [...this.#uploaded].flatMap(([own, id]) => {
      const picture = this.#own.get(own);
      return picture ? [/** @type {Background} */ ({ id, kind: 'picture', title: picture.title, thumbnail: picture.url })] : [];
    });
    return [...[...this.#known.values()].filter(({ mine }) => !mine), ...uploads, ...COLORS.map(asColor)];
  }

  /** @param {string} id of a background of the list, or of one's own */
  allows(id) {
    if (this.#policy === 'any' || (this.#policy === 'blur' && id.startsWith('blur'))) return true;
    const server = this.#own.has(id) ? this.#uploaded.get(id) : id;
    return server !== undefined && this.#policy.includes(server);
  }

  /**
   * @param {Policy['backgrounds']} policy
   * @param {boolean} isHost
   */
  setPolicy(policy, isHost) {
    this.#policy = policy;
    this.#isHost = isHost;
  }

  /** @param {number} bytes the longest upload that the server takes */
  setLimit(bytes) {
    this.#uploadBytes = bytes;
  }

  /** @param {string} id */
  find(id) {
    return this.list.find((background) => background.id === id) ?? this.#known.get(id) ?? null;
  }

  /** @param {Background[]} backgrounds as told by the server */
  setServed(backgrounds) {
    this.#learn(backgrounds);
    this.#changed();
  }

  /** Forgets what was uploaded to an earlier seat.
   * @param {Background[]} backgrounds that the server has */
  forgetUploads(backgrounds) {
    const there = new Set(backgrounds.map((background) => background.id));
    for (const [own, id] of this.#uploaded) if (!there.has(id)) this.#uploaded.delete(own);
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
    if (picture.blob.size > this.#uploadBytes) throw new Error(text('background.too-large', { size: megabytes(this.#uploadBytes) }));
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

  /** @param {Background[]} backgrounds */
  #learn(backgrounds) {
    this.#served = backgrounds.map(inOurWords);
    for (const each of this.#served) this.#known.set(each.id, each);
  }

  async #loadServed() {
    try {
      const response = await fetch('/api/backgrounds');
      if (response.ok) this.#learn(await response.json());
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

/** A colour as a background: those that are offered have names.
 * @param {string} id
 * @returns {Background} */
export function asColor(id) {
  return inOurWords({ id, kind: 'color', title: text('background.color', { color: id }), thumbnail: null });
}

/** The built-in ones have names in every language.
 * @param {Background} background */
function inOurWords(background) {
  const key = `background.name.${background.id}`;
  return isKey(key) ? { ...background, title: text(key) } : background;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 2 ** 20).toFixed(0);
}

/** @param {Response} response */
async function reason(response) {
  try {
    const { code, message } = await response.json();
    const key = `background.${code}`;
    return isKey(key) ? text(key) : text('background.failed', { message });
  } catch {
    return text('background.failed', { message: response.statusText });
  }
}
