// @ts-check
/**
 * The messages of server/protocol.md, version 1.
 *
 * @typedef {'video' | 'audio'} Kind
 * @typedef {'publish' | 'subscribe'} Connection
 *
 * @typedef {object} Participant
 * @property {string} id
 * @property {string} name
 * @property {boolean} audio
 * @property {boolean} video
 * @property {boolean} connected
 *
 * @typedef {object} Background
 * @property {string} id
 * @property {'blur' | 'color' | 'picture' | 'clip'} kind
 * @property {string} title
 * @property {string | null} thumbnail
 * @property {boolean} [mine]
 *
 * @typedef {{width: number, height: number, frameRate: number, maxBitrate: number}} VideoLimits
 * @typedef {{uploadBytes: number, video: VideoLimits}} Limits
 * @typedef {{name: string, sha256: string}} Model
 * @typedef {{mid: string, participant: string, kind: Kind}} StreamInfo
 *
 * @typedef {object} Joined
 * @property {'joined'} type
 * @property {string} participant
 * @property {string} seat
 * @property {string} room
 * @property {Participant[]} participants
 * @property {Background[]} backgrounds
 * @property {string} background
 * @property {RTCIceServer[]} iceServers
 * @property {Model} model
 * @property {Limits} limits
 *
 * @typedef {object} FilterReport
 * @property {'filter'} type
 * @property {number} received
 * @property {number} filtered
 * @property {number} slated
 * @property {number} withheld
 * @property {number} errors
 * @property {number} raw
 * @property {number} fps
 * @property {null | 'error' | 'overload'} degraded
 *
 * @typedef {{type: 'offer', connection: 'subscribe', id: number, sdp: string, streams: StreamInfo[]}} SubscribeOffer
 * @typedef {{type: 'answer', connection: 'publish', id: number, sdp: string}} PublishAnswer
 * @typedef {{type: 'error', code: string, message: string, fatal: boolean}} ServerError
 *
 * @typedef {Joined
 *   | {type: 'participant-joined', participant: Participant}
 *   | {type: 'participant-updated', participant: Participant}
 *   | {type: 'participant-left', participant: string, reason: 'left' | 'lost' | 'replaced'}
 *   | SubscribeOffer | PublishAnswer
 *   | {type: 'background', background: string}
 *   | FilterReport | ServerError} ServerMessage
 *
 * @typedef {{type: 'join', version: 1, room: string, name: string, background?: string, seat?: string}
 *   | {type: 'offer', connection: 'publish', id: number, sdp: string, restart?: boolean}
 *   | {type: 'answer', connection: 'subscribe', id: number, sdp: string}
 *   | {type: 'candidate', connection: Connection, candidate: RTCIceCandidateInit | null}
 *   | {type: 'media', audio: boolean, video: boolean}
 *   | {type: 'background', background: string}
 *   | {type: 'leave'}} ClientMessage
 */

/** The protocol version this page speaks. */
export const VERSION = 1;
