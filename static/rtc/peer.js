// @ts-check
/** @import {ClientMessage, Connection, PublishAnswer} from '../protocol/types.js' */

/** How long a connection may stay `disconnected` before it counts as lost, in ms. */
const GRACE = 3000;

/**
 * @typedef {object} PeerOptions
 * @property {RTCIceServer[]} iceServers
 * @property {(message: ClientMessage) => void} send
 * @property {() => void} lost called once, when the connection failed or stayed disconnected
 * @property {() => void} [connected]
 */

/**
 * A peer connection that trickles its candidates and tells when it is lost.
 *
 * @param {Connection} connection
 * @param {PeerOptions} options
 */
function createPeer(connection, { iceServers, send, lost, connected }) {
  const peer = new RTCPeerConnection({ iceServers });
  let timer = 0;
  let over = false;
  const end = () => {
    if (over || peer.connectionState === 'closed') return;
    over = true;
    lost();
  };
  peer.onicecandidate = ({ candidate }) => {
    send({ type: 'candidate', connection, candidate: candidate?.toJSON() ?? null });
  };
  peer.onconnectionstatechange = () => {
    clearTimeout(timer);
    if (peer.connectionState === 'failed') end();
    if (peer.connectionState === 'disconnected') timer = window.setTimeout(end, GRACE);
    if (peer.connectionState === 'connected') connected?.();
  };
  return peer;
}

/** One end of a connection to the server. */
export class PeerEnd {
  /** @protected */
  peer;
  /** @protected */
  send;

  /**
   * @param {Connection} connection
   * @param {PeerOptions} options
   */
  constructor(connection, options) {
    this.send = options.send;
    this.peer = createPeer(connection, options);
  }

  getStats() {
    return this.peer.getStats();
  }

  get isDown() {
    return ['disconnected', 'failed'].includes(this.peer.connectionState);
  }

  close() {
    this.peer.close();
  }
}

let lastOffer = 0;

/** An end that sends media, hence offers. */
export class SendingEnd extends PeerEnd {
  #offer = 0;
  /** @type {Promise<void>} */
  #ready = Promise.resolve();

  /**
   * Sends an offer. It goes out before the description is set, hence before any candidate.
   *
   * @protected
   * @param {(id: number, sdp: string) => ClientMessage} describe
   */
  async sendOffer(describe) {
    this.#offer = ++lastOffer;
    const { sdp } = await this.peer.createOffer();
    if (!sdp) return;
    this.#ready = this.peer.setLocalDescription({ type: 'offer', sdp });
    this.send(describe(this.#offer, sdp));
    await this.#ready;
  }

  /** @param {PublishAnswer} answer */
  async answer({ id, sdp }) {
    if (id !== this.#offer) return;
    await this.#ready;
    await this.peer.setRemoteDescription({ type: 'answer', sdp });
  }
}

/** Codecs that are not among the types, like those that the server lacks, are left out of the offer.
 * @param {RTCRtpTransceiver} transceiver
 * @param {string[]} types in lower case, the preferred one first */
export function preferCodecs(transceiver, types) {
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const preferred = types.flatMap((type) => codecs.filter((codec) => codec.mimeType.toLowerCase() === type));
  if (preferred.length && 'setCodecPreferences' in transceiver) transceiver.setCodecPreferences(preferred);
}
