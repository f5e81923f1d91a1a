// @ts-check
/** @import {ClientMessage, Kind} from '../protocol/types.js' */
/** @import {Tracks} from '../rtc/publisher.js' */

/**
 * What the others get: sound, picture, and whether that is filtered on this device already.
 * @typedef {{audio: boolean, video: boolean, deviceFilter: boolean}} Media
 */

/**
 * @typedef {object} OwnMediaEvents
 * @property {(message: ClientMessage) => void} send
 * @property {(kind: Kind, tracks: Tracks) => Promise<void>} replace has another track sent, or none
 * @property {() => void} changed the others have been told something else
 */

/** @type {readonly Kind[]} */
const KINDS = ['video', 'audio'];

/** What one sends, and what the others are told of it. */
export class OwnMedia {
  /** @type {Tracks} */
  tracks = { video: null, audio: null };
  #events;
  #media = { audio: false, video: false, deviceFilter: false };
  /** Whether what one says is captioned. */
  #captions = false;
  /** Ends when what is sent has been replaced. @type {Promise<void>} */
  #replacing = Promise.resolve();

  /** @param {OwnMediaEvents} events */
  constructor(events) {
    this.#events = events;
  }

  /** What the others have been told. */
  get told() {
    return { ...this.#media, captions: this.#captions };
  }

  /**
   * Notes what is sent from the first connection on.
   *
   * @param {Tracks} tracks
   * @param {Media} media
   */
  begin(tracks, media) {
    this.tracks = { ...tracks };
    this.#media = media;
  }

  /**
   * Replaces what is sent. A camera is told off before it goes and on after it came, and the filter on this device likewise.
   *
   * @param {Tracks} tracks
   * @param {Media} media what the others should get
   */
  async replace(tracks, media) {
    const kinds = KINDS.filter((kind) => this.tracks[kind] !== tracks[kind]);
    const current = this.tracks = { ...tracks };
    const { audio, video, deviceFilter } = this.#media;
    this.#change({ audio: audio && media.audio, video: video && media.video, deviceFilter: deviceFilter && media.deviceFilter });
    this.#replacing = this.#replacing.then(async () => {
      for (const kind of kinds) await this.#events.replace(kind, current);
    });
    await this.#replacing;
    if (this.tracks === current) this.#change(media);
  }

  /** Tells whether what one says is captioned.
   * @param {boolean} on */
  setCaptions(on) {
    if (on === this.#captions) return;
    this.#captions = on;
    this.tell();
    this.#events.changed();
  }

  /** @param {Media} media */
  #change(media) {
    const before = this.#media;
    if (before.audio === media.audio && before.video === media.video && before.deviceFilter === media.deviceFilter) return;
    this.#media = media;
    this.tell();
    this.#events.changed();
  }

  tell() {
    this.#events.send({ type: 'media', ...this.told });
  }
}
