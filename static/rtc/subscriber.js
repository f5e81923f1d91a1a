// @ts-check
import { PeerEnd } from './peer.js';

/** @import {StreamInfo, StreamKind, SubscribeOffer} from '../protocol/types.js' */
/** @import {PeerOptions} from './peer.js' */

/** @typedef {Map<string, Partial<Record<StreamKind, MediaStreamTrack>>>} Streams tracks by participant */

/** The connection from the server to here, and who is behind each of its tracks. */
export class Subscriber extends PeerEnd {
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
    super('subscribe', options);
    this.#changed = changed;
  }

  /** @param {SubscribeOffer} offer */
  offer(offer) {
    this.isUsed = true;
    const done = this.#queue.then(() => this.#accept(offer));
    this.#queue = done.catch(() => {});
    return done;
  }

  /** @param {SubscribeOffer} offer */
  async #accept({ id, sdp, streams }) {
    if (this.peer.signalingState === 'closed') return;
    await this.peer.setRemoteDescription({ type: 'offer', sdp });
    this.infos = streams;
    const answer = await this.peer.createAnswer();
    const ready = this.peer.setLocalDescription(answer);
    this.send({ type: 'answer', connection: 'subscribe', id, sdp: answer.sdp ?? '' });
    await ready;
    this.#changed(this.#streams());
  }

  #streams() {
    /** @type {Streams} */
    const streams = new Map();
    const receivers = new Map(this.peer.getTransceivers().map(({ mid, receiver }) => [mid, receiver]));
    for (const { mid, participant, kind } of this.infos) {
      const track = receivers.get(mid)?.track;
      if (track) streams.set(participant, { ...streams.get(participant), [kind]: track });
    }
    return streams;
  }
}
