// @ts-check
import { createPeer } from './peer.js';

/** @import {StreamInfo, StreamKind, SubscribeOffer} from './types.js' */
/** @import {PeerOptions} from './peer.js' */

/** @typedef {Map<string, Partial<Record<StreamKind, MediaStreamTrack>>>} Streams tracks by participant */

/** The connection from the server to here, and who is behind each of its tracks. */
export class Subscriber {
  #peer;
  #send;
  #changed;
  /** Who is behind which m-line.
   * @type {StreamInfo[]} */
  infos = [];
  /** Whether it has had its first offer. */
  isUsed = false;
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
    this.isUsed = true;
    const done = this.#queue.then(() => this.#accept(offer));
    this.#queue = done.catch(() => {});
    return done;
  }

  getStats() {
    return this.#peer.getStats();
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
    this.infos = streams;
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
    for (const { mid, participant, kind } of this.infos) {
      const track = receivers.get(mid)?.track;
      if (track) streams.set(participant, { ...streams.get(participant), [kind]: track });
    }
    return streams;
  }
}
