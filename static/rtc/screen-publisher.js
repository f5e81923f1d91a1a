// @ts-check
import { SendingEnd, preferCodecs } from './peer.js';

/** @import {VideoLimits} from '../protocol/types.js' */
/** @import {PeerOptions} from './peer.js' */

/** The server passes a screen on as it comes, and every receiver has VP8. */
const CODECS = ['video/vp8', 'video/rtx'];

/** The connection that carries a shared screen and, where the browser gives it, its sound to the server. */
export class ScreenPublisher extends SendingEnd {
  /**
   * @param {PeerOptions} options
   * @param {VideoLimits} limits
   * @param {MediaStream} stream
   */
  constructor(options, limits, stream) {
    super('screen', options);
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
}
