// @ts-check
/** @import {Connection, StreamInfo, StreamKind} from '../protocol/types.js' */

/**
 * What a browser counted of one stream since it began.
 *
 * @typedef {object} StreamReport
 * @property {string} key the same stream has the same key in every report
 * @property {Connection} connection
 * @property {string} participant '' for what is sent from here
 * @property {StreamKind} kind
 * @property {number} time in ms
 * @property {number} bytes
 * @property {number} packets
 * @property {number} lost packets
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [fps]
 * @property {number} [rtt] in ms
 * @property {number} [jitter] in ms
 * @property {string} [codec]
 *
 * @typedef {StreamReport & {bitrate: number | null, loss: number | null}} StreamRate bitrate in bit/s, loss as a share
 */

/**
 * @param {RTCStatsReport} stats of one connection
 * @param {Connection} connection
 * @param {StreamInfo[]} infos who is behind its m-lines
 * @returns {StreamReport[]}
 */
export function reportsOf(stats, connection, infos) {
  const entries = /** @type {Map<string, any>} */ (new Map());
  stats.forEach((entry) => entries.set(entry.id, entry));
  const wanted = connection === 'subscribe' ? 'inbound-rtp' : 'outbound-rtp';
  const pair = [...entries.values()].find((entry) => entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined);
  return [...entries.values()].flatMap((entry) => {
    if (entry.type !== wanted) return [];
    const info = infos.find(({ mid }) => mid === entry.mid);
    if (connection === 'subscribe' && !info) return [];
    const remote = entries.get(entry.remoteId) ?? {};
    const received = connection === 'subscribe';
    const rtt = received ? pair?.currentRoundTripTime : remote.roundTripTime ?? pair?.currentRoundTripTime;
    const jitter = received ? entry.jitter : remote.jitter;
    return [{
      key: `${connection}/${entry.ssrc}`,
      connection,
      participant: info?.participant ?? '',
      kind: info?.kind ?? (connection === 'screen' && entry.kind === 'audio' ? 'screen-audio' : connection === 'screen' ? 'screen' : entry.kind),
      time: entry.timestamp,
      bytes: (received ? entry.bytesReceived : entry.bytesSent) ?? 0,
      packets: (received ? entry.packetsReceived : entry.packetsSent) ?? 0,
      lost: (received ? entry.packetsLost : remote.packetsLost) ?? 0,
      width: entry.frameWidth,
      height: entry.frameHeight,
      fps: entry.framesPerSecond,
      rtt: rtt === undefined ? undefined : rtt * 1000,
      jitter: jitter === undefined ? undefined : jitter * 1000,
      codec: entries.get(entry.codecId)?.mimeType?.split('/')[1],
    }];
  });
}

/**
 * What happened between two reports.
 *
 * @param {StreamReport[]} now
 * @param {StreamReport[]} before
 * @returns {StreamRate[]}
 */
export function ratesOf(now, before) {
  const earlier = new Map(before.map((report) => [report.key, report]));
  return now.map((report) => {
    const then = earlier.get(report.key);
    const seconds = then ? (report.time - then.time) / 1000 : 0;
    if (!then || seconds <= 0) return { ...report, bitrate: null, loss: null };
    const packets = report.packets - then.packets;
    const lost = Math.max(0, report.lost - then.lost);
    return { ...report, bitrate: (report.bytes - then.bytes) * 8 / seconds, loss: packets + lost > 0 ? lost / (packets + lost) : null };
  });
}
