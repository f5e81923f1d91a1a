// @ts-check
import { createPeer } from './peer.js';

/** @import {Kind, StreamInfo, SubscribeOffer} from './types.js' */
/** @import {PeerOptions} from './peer.js' */

/** @typedef {Map<string, Partial<Record<Kind, MediaStreamTrack>>>} Streams tracks by participant */

/** The connection from the server to here, and who is behind each of its tracks. */
export class Subscriber {
  #peer;
  #send;
  #changed;
  /** @type {StreamInfo[]} */
  #infos = [];
  /** Offers are worked off one after the other.
   * @type {Promise<void>} */
  #queue = Promise.resolve();

  /**
   * @param {PeerOptions} options
   * @param {(streams: Streams) => void} changed
   */
  constructor(options, changed) {
    this.#send = options.send;
    this.#changed = changed;
    this.#peer = createPeer('subscribe', options);
  }

  /** @param {SubscribeOffer} offer */
  offer(offer) {
    const done = this.#queue.then(() => this.#accept(offer));
    this.#queue = done.catch(() => {});
    return done;
  }

  /** The audio level of each participant now, in [0, 1]. */
  async levels() {
    /** @type {Map<string, number>} */
    const levels = new Map();
    const stats = await this.#peer.getStats();
    for (const [participant, { audio }] of this.#streams()) {
      stats.forEach((entry) => {
        if (audio && entry.type === 'inbound-rtp' && entry.trackIdentifier === audio.id) {
          levels.set(participant, entry.audioLevel ?? 0);
        }
      });
    }
    return levels;
  }

  get isDown() {
    return ['disconnected', 'failed'].includes(this.#peer.connectionState);
  }

  close() {
    this.#peer.close();
  }

  /** @param {SubscribeOffer} offer */
  async #accept({ id, sdp, streams }) {
    if (this.#peer.signalingState === 'closed') return;
    await this.#peer.setRemoteDescription({ type: 'offer', sdp });
    this.#infos = streams;
    const answer = await this.#peer.createAnswer();
    const ready = this.#peer.setLocalDescription(answer);
    this.#send({ type: 'answer', connection: 'subscribe', id, sdp: answer.sdp ?? '' });
    await ready;
    this.#changed(this.#streams());
  }

  #streams() {
    /** @type {Streams} */
    const streams = new Map();
    const receivers = new Map(this.#peer.getTransceivers().map(({ mid, receiver }) => [mid, receiver]));
    for (const { mid, participant, kind } of this.#infos) {
      const track = receivers.get(mid)?.track;
      if (track) streams.set(participant, { ...streams.get(participant), [kind]: track });
    }
    return streams;
  }
}
