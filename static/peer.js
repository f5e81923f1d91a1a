// @ts-check
/** @import {ClientMessage, Connection} from './types.js' */

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
export function createPeer(connection, { iceServers, send, lost, connected }) {
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
