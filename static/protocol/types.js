// @ts-check
/**
 * The messages of server/signaling/protocol.md, version 1.
 *
 * @typedef {'video' | 'audio'} Kind
 * @typedef {Kind | 'screen' | 'screen-audio'} StreamKind
 * @typedef {'publish' | 'subscribe' | 'screen'} Connection
 * @typedef {'good' | 'fair' | 'poor'} Quality
 *
 * @typedef {object} Participant
 * @property {string} id
 * @property {string} name
 * @property {boolean} audio
 * @property {boolean} video
 * @property {boolean} connected
 * @property {'host' | 'guest'} role
 * @property {number | null} hand when it was raised
 * @property {boolean} screen
 * @property {Quality | null} quality
 * @property {boolean} [paused] whether the picture stands still for want of bandwidth on our side
 *
 * @typedef {object} Background
 * @property {string} id
 * @property {'blur' | 'color' | 'picture' | 'clip'} kind
 * @property {string} title
 * @property {string | null} thumbnail
 * @property {boolean} [mine]
 *
 * @typedef {object} Chat
 * @property {number} id
 * @property {string} participant
 * @property {string} name
 * @property {string} text
 * @property {number} time
 *
 * @typedef {object} Policy
 * @property {boolean} locked
 * @property {boolean} waitingRoom
 * @property {'any' | 'blur' | string[]} backgrounds
 * @property {'allowed' | 'hosts' | 'off'} screenShare
 * @property {boolean} recording whether hosts may record
 *
 * @typedef {{width: number, height: number, frameRate: number, maxBitrate: number}} VideoLimits
 * @typedef {{uploadBytes: number, uploads: number, chat: number, video: VideoLimits, screen: VideoLimits, recording: 'off' | 'policy' | 'allowed'}} Limits
 * @typedef {{name: string, sha256: string}} Model
 * @typedef {{since: number, by: string | null}} Recording since when (ms), and by whom
 * @typedef {{id: string, name: string}} Knock
 * @typedef {{mid: string, participant: string, kind: StreamKind, filtered: boolean}} StreamInfo
 * @typedef {'lobby' | 'waiting' | 'room'} Place
 *
 * @typedef {object} Joined
 * @property {'joined'} type
 * @property {string} participant
 * @property {string} seat
 * @property {string} room
 * @property {Place} state
 * @property {Participant[]} participants
 * @property {number} present how many people are in the room
 * @property {Chat[]} chat
 * @property {Knock[]} knocking
 * @property {Recording | null} recording
 * @property {Policy} policy
 * @property {string} [hostToken]
 * @property {Background[]} backgrounds
 * @property {string} background
 * @property {string | null} redirected
 * @property {RTCIceServer[]} iceServers
 * @property {Model} model
 * @property {string[]} reactions
 * @property {Limits} limits
 *
 * @typedef {object} Entered
 * @property {'entered'} type
 * @property {Participant[]} participants
 * @property {Chat[]} chat
 * @property {Knock[]} knocking
 * @property {Recording | null} recording
 * @property {string} [hostToken]
 *
 * @typedef {object} Counters frames of cameras
 * @property {number} received
 * @property {number} filtered
 * @property {number} covered
 * @property {number} slated
 * @property {number} repeated
 * @property {number} withheld
 * @property {number} errors
 * @property {number} raw
 *
 * @typedef {{participant: string, signature: string}} Receipt and more, see docs/receipts.md
 *
 * @typedef {object} OwnFilter
 * @property {'filter'} type
 * @property {number} fps
 * @property {number | null} delay in ms
 * @property {'none' | 'recording' | 'used'} plate
 * @property {null | 'error' | 'overload'} degraded
 * @property {string | null} reason
 * @property {Model} model
 * @property {number | null} rtt in ms
 * @property {number} lost share of packets
 *
 * @typedef {Counters & OwnFilter} FilterReport
 * @typedef {Counters & {type: 'totals', since: number, participants: number, screens: number, model: Model}} Totals
 *
 * @typedef {{type: 'offer', connection: 'subscribe', id: number, sdp: string, fresh: boolean, streams: StreamInfo[]}} SubscribeOffer
 * @typedef {{type: 'answer', connection: 'publish' | 'screen', id: number, sdp: string}} PublishAnswer
 * @typedef {{type: 'background', background: string, reason: null | 'policy' | 'deleted'}} BackgroundShown
 * @typedef {{type: 'error', code: string, message: string, fatal: boolean}} ServerError
 *
 * @typedef {Joined | Entered | {type: 'waiting'}
 *   | {type: 'participant-joined', participant: Participant}
 *   | {type: 'participant-updated', participant: Participant}
 *   | {type: 'participant-left', participant: string, reason: 'left' | 'lost' | 'removed'}
 *   | {type: 'knock', participant: Knock}
 *   | {type: 'knock-ended', participant: string}
 *   | SubscribeOffer | PublishAnswer | BackgroundShown
 *   | {type: 'backgrounds', backgrounds: Background[]}
 *   | {type: 'muted', by: string}
 *   | {type: 'screen', shared: false, reason: 'stopped' | 'policy' | 'lost'}
 *   | {type: 'chat', chat: Chat}
 *   | {type: 'reaction', participant: string, reaction: string}
 *   | {type: 'speaker', participant: string | null, speaking: string[]}
 *   | {type: 'quality', quality: Record<string, Quality>}
 *   | {type: 'paused', participants: string[]}
 *   | {type: 'policy', policy: Policy}
 *   | {type: 'recording', recording: Recording | null, reason: null | 'stopped' | 'policy' | 'ended' | 'error'}
 *   | {type: 'receipt', receipt: Receipt}
 *   | FilterReport | Totals | ServerError} ServerMessage
 *
 * @typedef {{type: 'join', version: 1, room: string, name: string, background: string, preview: boolean, seat?: string, hostToken?: string, token?: string}
 *   | {type: 'enter', name: string, hostToken?: string}
 *   | {type: 'offer', connection: 'publish' | 'screen', id: number, sdp: string}
 *   | {type: 'answer', connection: 'subscribe', id: number, sdp: string}
 *   | {type: 'candidate', connection: Connection, candidate: RTCIceCandidateInit | null}
 *   | {type: 'restart', connection: 'subscribe'}
 *   | {type: 'media', audio: boolean, video: boolean}
 *   | {type: 'background', background: string}
 *   | {type: 'screen', shared: false}
 *   | {type: 'chat', text: string}
 *   | {type: 'hand', raised: boolean, participant?: string}
 *   | {type: 'plate', wanted: boolean}
 *   | {type: 'reaction', reaction: string}
 *   | {type: 'totals'}
 *   | {type: 'mute', participant?: string}
 *   | {type: 'remove' | 'admit' | 'deny', participant: string}
 *   | {type: 'policy', policy: Partial<Policy>}
 *   | {type: 'recording', on: boolean}
 *   | {type: 'leave'}} ClientMessage
 */

/** The protocol version this page speaks. */
export const VERSION = 1;
