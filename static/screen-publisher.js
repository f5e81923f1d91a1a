// @ts-check
import { createPeer } from './peer.js';

/** @import {PublishAnswer, VideoLimits} from './types.js' */
/** @import {PeerOptions} from './peer.js' */

let lastOffer = 0;

/** The connection that carries a shared screen and, where the browser gives it, its sound to the server. */
export class ScreenPublisher {
  #peer;
  #send;
  #offer = 0;
  /** @type {Promise<void>} */
  #ready = Promise.resolve();

  /**
   * @param {PeerOptions} options
   * @param {VideoLimits} limits
   * @param {MediaStream} stream
   */
  constructor(options, limits, stream) {
    this.#send = options.send;
    this.#peer = createPeer('screen', options);
    const encoding = { maxBitrate: limits.maxBitrate, maxFramerate: limits.frameRate };
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    const transceiver = this.#peer.addTransceiver(video, { direction: 'sendonly', sendEncodings: [encoding] });
    if (audio) this.#peer.addTransceiver(audio, { direction: 'sendonly' });
    preferVp8(transceiver);
  }

  async offer() {
    this.#offer = ++lastOffer;
    const { sdp } = await this.#peer.createOffer();
    if (!sdp) return;
    this.#ready = this.#peer.setLocalDescription({ type: 'offer', sdp });
    this.#send({ type: 'offer', connection: 'screen', id: this.#offer, sdp });
    await this.#ready;
  }

  /** @param {PublishAnswer} answer */
  async answer({ id, sdp }) {
    if (id !== this.#offer) return;
    await this.#ready;
    await this.#peer.setRemoteDescription({ type: 'answer', sdp });
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

/** The server passes a screen on as it comes, and every receiver has VP8.
 * @param {RTCRtpTransceiver} transceiver */
function preferVp8(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const kept = ['video/vp8', 'video/rtx'].flatMap((type) => codecs.filter((codec) => codec.mimeType.toLowerCase() === type));
  if (kept.length && 'setCodecPreferences' in transceiver) transceiver.setCodecPreferences(kept);
}
