// @ts-check
import { SendingEnd, preferCodecs } from './peer.js';

/** @import {OutgoingCamera} from '../devices/camera.js' */
/** @import {Kind} from '../protocol/types.js' */
/** @import {PeerOptions} from './peer.js' */
/** @import {PictureSize} from './picture-size.js' */

/** What is sent; of a camera just what may be.
 * @typedef {{video: OutgoingCamera | null, audio: MediaStreamTrack | null}} Tracks */

/** VP8 first, H.264 as the fallback. */
const CODECS = ['video/vp8', 'video/rtx', 'video/h264'];

/** The connection from here to the server: one camera, one microphone, either of which may be missing. */
export class Publisher extends SendingEnd {
  /** @type {Record<Kind, RTCRtpTransceiver>} */
  #transceivers;

  #size;
  /** Ends when this connection is closed. @type {Promise<void>} */
  #closed;
  #end = () => {};

  /**
   * @param {PeerOptions} options
   * @param {PictureSize} size
   * @param {Tracks} tracks
   */
  constructor(options, size, tracks) {
    super('publish', options);
    this.#size = size;
    this.#closed = new Promise((resolve) => { this.#end = resolve; });
    const encoding = size.encoding(tracks.video?.track);
    this.#transceivers = {
      video: this.peer.addTransceiver(tracks.video?.track ?? 'video', { direction: 'sendonly', sendEncodings: [encoding] }),
      audio: this.peer.addTransceiver(tracks.audio ?? 'audio', { direction: 'sendonly' }),
    };
    preferCodecs(this.#transceivers.video, CODECS);
  }

  /** Sends pictures as many and as large as they may be now. */
  async fit() {
    const { sender } = this.#transceivers.video;
    const wanted = this.#size.encoding(sender.track);
    const parameters = sender.getParameters();
    const encodings = parameters.encodings ?? [];
    if (encodings.every((encoding) => Object.entries(wanted).every(([name, value]) => Reflect.get(encoding, name) === value))) return;
    for (const encoding of encodings) Object.assign(encoding, wanted);
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
    const replaced = this.#transceivers[kind].sender.replaceTrack(kind === 'video' ? video?.track ?? null : audio);
    await Promise.race([replaced, this.#closed]); // a promise of a connection that is closed may never settle (W3C webrtc-pc, 5.2)
    if (kind === 'video') await this.fit();
  }
  close() {
    super.close();
    this.#end();
  }
}
