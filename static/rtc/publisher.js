// @ts-check
import { SendingEnd, preferCodecs } from './peer.js';

/** @import {OutgoingCamera} from '../devices/camera.js' */
/** @import {Kind, VideoLimits} from '../protocol/types.js' */
/** @import {PeerOptions} from './peer.js' */

/** What is sent; of a camera just what may be.
 * @typedef {{video: OutgoingCamera | null, audio: MediaStreamTrack | null}} Tracks */

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
      video: this.peer.addTransceiver(tracks.video?.track ?? 'video', { direction: 'sendonly', sendEncodings: [encoding] }),
      audio: this.peer.addTransceiver(tracks.audio ?? 'audio', { direction: 'sendonly' }),
    };
    preferCodecs(this.#transceivers.video, CODECS);
  }

  /** Sends so many pictures a second at most, each so much smaller.
   * @param {{frameRate: number, scaleDown: number}} wanted */
  async limit({ frameRate, scaleDown }) {
    const { sender } = this.#transceivers.video;
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings ?? []) Object.assign(encoding, { maxFramerate: frameRate, scaleResolutionDownBy: scaleDown });
    // A browser that can't sends what it likes, and the server leaves out what is too much.
    await sender.setParameters(parameters).catch(() => {});
  }

  offer() {
    return this.sendOffer((id, sdp) => ({ type: 'offer', connection: 'publish', id, sdp }));
  }

  /** Sends another track of one kind.
   * @param {Kind} kind
   * @param {Tracks} tracks */
  async replace(kind, { video, audio }) {
    await this.#transceivers[kind].sender.replaceTrack(kind === 'video' ? video?.track ?? null : audio);
  }
}
