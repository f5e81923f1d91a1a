// @ts-check
import { SendingEnd, preferCodecs } from './peer.js';

/** @import {Kind, VideoLimits} from '../protocol/types.js' */
/** @import {PeerOptions} from './peer.js' */

/** @typedef {Record<Kind, MediaStreamTrack | null>} Tracks */

/** VP8 first, H.264 as the fallback. */
const CODECS = ['video/vp8', 'video/rtx', 'video/h264'];

/** The connection from here to the server: one camera, one microphone, either of which may be missing. */
export class Publisher extends SendingEnd {
  /** @type {Record<Kind, RTCRtpTransceiver>} */
  #transceivers;

  /**
   * @param {PeerOptions} options
   * @param {VideoLimits} limits
   * @param {Tracks} tracks
   */
  constructor(options, limits, tracks) {
    super('publish', options);
    const encoding = { maxBitrate: limits.maxBitrate, maxFramerate: limits.frameRate };
    this.#transceivers = {
      video: this.peer.addTransceiver(tracks.video ?? 'video', { direction: 'sendonly', sendEncodings: [encoding] }),
      audio: this.peer.addTransceiver(tracks.audio ?? 'audio', { direction: 'sendonly' }),
    };
    preferCodecs(this.#transceivers.video, CODECS);
  }

  offer() {
    return this.sendOffer((id, sdp) => ({ type: 'offer', connection: 'publish', id, sdp }));
  }

  /**
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async replace(kind, track) {
    await this.#transceivers[kind].sender.replaceTrack(track);
  }
}
