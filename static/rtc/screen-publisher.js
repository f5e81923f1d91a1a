// @ts-check
import { SendingEnd, preferCodecs } from './peer.js';

/** @import {PublishAnswer, VideoLimits} from '../protocol/types.js' */
/** @import {PeerOptions} from './peer.js' */

/** The server passes a screen on as it comes, and every receiver has VP8. */
const CODECS = ['video/vp8', 'video/rtx'];

/** The connection that carries a shared screen and, where the browser gives it, its sound to the server. */
export class ScreenPublisher extends SendingEnd {
  #former;

  /**
   * @param {PeerOptions} options
   * @param {VideoLimits} limits
   * @param {MediaStream} stream
   * @param {ScreenPublisher | null} former what this one takes the place of: it stays open until the server has taken the offer,
   *   because a share ends with its connection
   */
  constructor(options, limits, stream, former) {
    super('screen', options);
    this.#former = former;
    const encoding = { maxBitrate: limits.maxBitrate, maxFramerate: limits.frameRate };
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    const transceiver = this.peer.addTransceiver(video, { direction: 'sendonly', sendEncodings: [encoding] });
    if (audio) this.peer.addTransceiver(audio, { direction: 'sendonly' });
    preferCodecs(transceiver, CODECS);
  }

  offer() {
    return this.sendOffer((id, sdp) => ({ type: 'offer', connection: 'screen', id, sdp }));
  }

  /** @param {PublishAnswer} answer */
  answer(answer) {
    this.#former?.close();
    return super.answer(answer);
  }

  close() {
    this.#former?.close();
    super.close();
  }
}
