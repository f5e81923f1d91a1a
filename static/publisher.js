// @ts-check
import { createPeer } from './peer.js';

/** @import {Kind, PublishAnswer, VideoLimits} from './types.js' */
/** @import {PeerOptions} from './peer.js' */

/** @typedef {Record<Kind, MediaStreamTrack | null>} Tracks */

const CODECS = ['video/vp8', 'video/rtx', 'video/h264'];

let lastOffer = 0;

/** The connection from here to the server: one camera, one microphone, either of which may be missing. */
export class Publisher {
  #peer;
  #send;
  /** @type {Record<Kind, RTCRtpTransceiver>} */
  #transceivers;
  #offer = 0;
  /** @type {Promise<void>} */
  #ready = Promise.resolve();

  /**
   * @param {PeerOptions} options
   * @param {VideoLimits} limits
   * @param {Tracks} tracks
   */
  constructor(options, limits, tracks) {
    this.#send = options.send;
    this.#peer = createPeer('publish', options);
    const encoding = { maxBitrate: limits.maxBitrate, maxFramerate: limits.frameRate };
    this.#transceivers = {
      video: this.#peer.addTransceiver(tracks.video ?? 'video', { direction: 'sendonly', sendEncodings: [encoding] }),
      audio: this.#peer.addTransceiver(tracks.audio ?? 'audio', { direction: 'sendonly' }),
    };
    preferCodecs(this.#transceivers.video);
  }

  /**
   * Sends the offer. It goes out before the description is set, hence before any candidate.
   *
   * @param {boolean} restart whether the server has an older publish connection to drop
   */
  async offer(restart) {
    this.#offer = ++lastOffer;
    const { sdp } = await this.#peer.createOffer();
    if (!sdp) return;
    this.#ready = this.#peer.setLocalDescription({ type: 'offer', sdp });
    this.#send({ type: 'offer', connection: 'publish', id: this.#offer, sdp, ...(restart && { restart }) });
    await this.#ready;
  }

  /** @param {PublishAnswer} answer */
  async answer({ id, sdp }) {
    if (id !== this.#offer) return;
    await this.#ready;
    await this.#peer.setRemoteDescription({ type: 'answer', sdp });
  }

  /**
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async replace(kind, track) {
    await this.#transceivers[kind].sender.replaceTrack(track);
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
}

/** VP8 first, H.264 as the fallback; codecs that the server lacks are left out of the offer.
 * @param {RTCRtpTransceiver} transceiver */
function preferCodecs(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const preferred = CODECS.flatMap((type) => codecs.filter((codec) => codec.mimeType.toLowerCase() === type));
  if (preferred.length && 'setCodecPreferences' in transceiver) transceiver.setCodecPreferences(preferred);
}
