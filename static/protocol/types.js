// @ts-check
/**
 * The messages of server/signaling/protocol.md, version 1; made by tools/protocol_types.py, not by hand.
 *
 * @typedef {'video' | 'audio'} Kind of a device of one's own
 *
 * @typedef {'video' | 'audio' | 'screen' | 'screen-audio'} StreamKind
 *
 * @typedef {'publish' | 'subscribe' | 'screen'} Connection
 *
 * @typedef {'good' | 'fair' | 'poor'} Quality of a connection
 *
 * @typedef {'covered' | 'stopped' | 'error'} Hidden why the server hides a camera for the moment
 *
 * @typedef {'lobby' | 'waiting' | 'room'} Place
 *
 * @typedef {object} Participant
 * @property {string} id
 * @property {string} name
 * @property {boolean} audio
 * @property {boolean} video
 * @property {boolean} deviceFilter whether the camera is filtered on the device already, by the sender's word
 * @property {boolean} captions whether their device writes down what they say
 * @property {boolean} connected
 * @property {'host' | 'guest'} role
 * @property {number | null} hand when it was raised, in ms since 1970
 * @property {boolean} screen whether it is shared
 * @property {boolean} spotlit whether everybody sees this one large, by a host's word
 * @property {Quality | null} quality
 *
 * @typedef {object} Background
 * @property {string} id
 * @property {'blur' | 'color' | 'picture' | 'clip'} kind
 * @property {string} title
 * @property {string | null} thumbnail
 * @property {boolean} [mine]
 *
 * @typedef {object} ChatFile
 * @property {string} id
 * @property {number} size in bytes
 *
 * @typedef {object} Chat
 * @property {number} id
 * @property {string} participant
 * @property {string} name
 * @property {string} text
 * @property {number} time in ms since 1970
 * @property {string} [to] who alone can read it, besides its author
 * @property {ChatFile} [file] what the text is the name of
 *
 * @typedef {object} Policy
 * @property {boolean} locked
 * @property {boolean} waitingRoom
 * @property {'any' | 'blur' | string[]} backgrounds
 * @property {'allowed' | 'hosts' | 'off'} screenShare
 * @property {boolean} recording whether hosts may record
 * @property {'optional' | 'required'} deviceFilter whether cameras have to be filtered on the devices already
 * @property {'allowed' | 'hosts'} unmute who may unmute themselves
 * @property {boolean} captions whether people may caption what they say
 * @property {boolean} files whether files may be put into the chat
 *
 * @typedef {object} VideoLimits
 * @property {number} width
 * @property {number} height
 * @property {number} frameRate
 * @property {number} maxBitrate in bit/s
 * @property {number} [scaleDown] of a camera: by how much to divide width and height at first
 *
 * @typedef {object} Limits
 * @property {number} uploadBytes
 * @property {number} uploads
 * @property {number} chat
 * @property {number} caption characters of one
 * @property {number} fileBytes of a file in the chat; 0 where there are none
 * @property {VideoLimits} video
 * @property {VideoLimits} screen
 * @property {'off' | 'policy' | 'allowed'} recording
 * @property {'optional' | 'required'} deviceFilter what the token says about it
 * @property {'links' | 'pin' | 'off'} invitations how hosts invite: by links with a token, on a server without keys by a PIN of the room
 * @property {number} invitationLifetime the longest that an invitation is good for, in s
 *
 * @typedef {object} TokenGrant what a page has to know of its token
 * @property {boolean} name whether the name is the token's, and fixed
 * @property {number | null} expires in ms since 1970
 *
 * @typedef {object} Invitation
 * @property {string} id
 * @property {'host' | 'guest'} role
 * @property {number} expires in ms since 1970
 * @property {boolean} pin whether a PIN is asked for
 * @property {string} by the name of the host who made it
 * @property {string | null} token what makes the link; null after a restart of the server
 *
 * @typedef {object} Model
 * @property {string} name
 * @property {string} sha256
 * @property {number | null} leak % of the room behind people that the filter was measured to show in a picture
 * @property {number | null} union the same collected over a clip
 *
 * @typedef {object} Recording
 * @property {number} since in ms since 1970
 * @property {string | null} by
 *
 * @typedef {object} Knock who waits to be let in, is in the lobby, or has been removed
 * @property {string} id
 * @property {string} name
 *
 * @typedef {object} Viewer who watches from outside, by WHEP
 * @property {string} id
 * @property {string} name
 * @property {string} watching whom, by id
 *
 * @typedef {object} StreamInfo
 * @property {string} mid
 * @property {string} participant
 * @property {StreamKind} kind
 * @property {boolean} filtered
 *
 * @typedef {object} IceServer an RTCIceServer (WebRTC, section 4.2.2)
 * @property {string[]} urls
 * @property {string} [username]
 * @property {string} [credential]
 *
 * @typedef {object} IceCandidate an RTCIceCandidateInit (WebRTC, section 4.8.1)
 * @property {string} [candidate]
 * @property {string | null} [sdpMid]
 * @property {number | null} [sdpMLineIndex]
 * @property {string | null} [usernameFragment]
 *
 * @typedef {object} Frames of a receipt
 * @property {number} received camera frames that came in
 * @property {number} filtered pictures of a person over a background
 * @property {number} covered full blurs: the background alone, because the server was busy
 * @property {number} slated placeholder frames
 * @property {number} repeated the last good picture once more
 * @property {number} withheld frames that were dropped
 * @property {number} raw pictures that the filter had not made: 0, or there is a defect
 * @property {number} encoded
 * @property {number} sent
 *
 * @typedef {object} Receipt docs/receipts.md
 * @property {number} version
 * @property {string} room
 * @property {string} participant
 * @property {number} start
 * @property {number} end
 * @property {string[]} policies
 * @property {string} model
 * @property {'always' | 'sometimes' | 'never'} deviceFilter
 * @property {Frames} frames
 * @property {string} key
 * @property {string} signature
 *
 * @typedef {object} Counters frames of cameras
 * @property {number} received camera frames that came in
 * @property {number} filtered pictures of a person over a background
 * @property {number} covered full blurs: the background alone, because the server was busy
 * @property {number} slated placeholder frames
 * @property {number} repeated the last good picture once more
 * @property {number} withheld frames that were dropped
 * @property {number} errors errors inside the filter
 * @property {number} raw pictures that the filter had not made: 0, or there is a defect
 *
 * @typedef {object} Joined
 * @property {'joined'} type
 * @property {number} version
 * @property {string} participant
 * @property {string} seat
 * @property {string} room
 * @property {Place} state
 * @property {number} present how many people are in the room
 * @property {Policy} policy
 * @property {Policy} effective what the policy means for oneself, by one's token
 * @property {TokenGrant | null} grant
 * @property {Background[]} backgrounds
 * @property {string} background
 * @property {'off' | 'following' | 'lost'} followed whether one person is shown only, and is in sight
 * @property {string | null} redirected
 * @property {IceServer[]} iceServers
 * @property {Model} model
 * @property {string[]} reactions
 * @property {Limits} limits
 * @property {Participant[]} participants
 * @property {Chat[]} chat
 * @property {Knock[]} knocking
 * @property {Knock[]} lobby
 * @property {Knock[]} banned
 * @property {Viewer[]} viewers
 * @property {Recording | null} recording
 * @property {string} [hostToken]
 *
 * @typedef {object} Entered
 * @property {'entered'} type
 * @property {Participant[]} participants
 * @property {Chat[]} chat
 * @property {Knock[]} knocking
 * @property {Knock[]} lobby
 * @property {Knock[]} banned
 * @property {Viewer[]} viewers
 * @property {Recording | null} recording
 * @property {string} [hostToken]
 *
 * @typedef {object} Waiting
 * @property {'waiting'} type
 *
 * @typedef {object} ParticipantJoined
 * @property {'participant-joined'} type
 * @property {Participant} participant
 *
 * @typedef {object} ParticipantUpdated
 * @property {'participant-updated'} type
 * @property {Participant} participant
 *
 * @typedef {object} ParticipantLeft
 * @property {'participant-left'} type
 * @property {string} participant
 * @property {'left' | 'lost' | 'removed'} reason
 *
 * @typedef {object} Knocked
 * @property {'knock'} type
 * @property {Knock} participant
 *
 * @typedef {object} KnockEnded
 * @property {'knock-ended'} type
 * @property {string} participant
 *
 * @typedef {object} LobbyChanged for hosts: who is in the lobby and has not asked to be let in, and who has been removed
 * @property {'lobby'} type
 * @property {Knock[]} lobby
 * @property {Knock[]} banned
 *
 * @typedef {object} ViewersChanged
 * @property {'viewers'} type
 * @property {Viewer[]} viewers
 *
 * @typedef {object} SubscribeOffer
 * @property {'offer'} type
 * @property {'subscribe'} connection
 * @property {number} id
 * @property {string} sdp
 * @property {boolean} fresh
 * @property {StreamInfo[]} streams
 *
 * @typedef {object} PublishAnswer
 * @property {'answer'} type
 * @property {'publish' | 'screen'} connection
 * @property {number} id
 * @property {string} sdp
 *
 * @typedef {object} BackgroundShown
 * @property {'background'} type
 * @property {string} background
 * @property {'policy' | 'deleted' | 'restored' | null} reason
 *
 * @typedef {object} BackgroundsOffered
 * @property {'backgrounds'} type
 * @property {Background[]} backgrounds
 *
 * @typedef {object} Muted
 * @property {'muted'} type
 * @property {string | null} by null: by the room's policy
 *
 * @typedef {object} UnmuteAllowed
 * @property {'unmute-allowed'} type
 * @property {string} by
 *
 * @typedef {object} ScreenEnded
 * @property {'screen'} type
 * @property {false} shared
 * @property {'stopped' | 'policy' | 'lost'} reason
 *
 * @typedef {object} ChatSaid
 * @property {'chat'} type
 * @property {Chat} chat
 *
 * @typedef {object} FileDeleted
 * @property {'file-deleted'} type
 * @property {string} file
 *
 * @typedef {object} Reacted
 * @property {'reaction'} type
 * @property {string} participant
 * @property {string} reaction
 *
 * @typedef {object} Captioned
 * @property {'caption'} type
 * @property {string} participant
 * @property {string} text
 * @property {boolean} final
 *
 * @typedef {object} Speaker
 * @property {'speaker'} type
 * @property {string | null} participant
 * @property {string[]} speaking
 *
 * @typedef {object} Qualities
 * @property {'quality'} type
 * @property {Record<string, Quality>} quality
 *
 * @typedef {object} Paused
 * @property {'paused'} type
 * @property {string[]} participants
 *
 * @typedef {object} CameraRequest
 * @property {'camera'} type
 * @property {number} frameRate pictures a second at most
 * @property {number} scaleDown by how much width and height of the limits are to be divided
 *
 * @typedef {object} HiddenCameras
 * @property {'hidden'} type
 * @property {Record<string, Hidden>} participants
 *
 * @typedef {object} PolicyChanged
 * @property {'policy'} type
 * @property {Policy} policy
 * @property {Policy} effective
 *
 * @typedef {object} RecordingChanged
 * @property {'recording'} type
 * @property {Recording | null} recording
 * @property {'stopped' | 'policy' | 'ended' | 'error' | null} reason
 *
 * @typedef {object} InvitationsTold
 * @property {'invitations'} type
 * @property {Invitation[]} invitations
 * @property {string | null} made the new one
 * @property {string | null} pin that of the room
 * @property {string} hostToken
 *
 * @typedef {object} ReceiptIssued
 * @property {'receipt'} type
 * @property {Receipt} receipt
 *
 * @typedef {object} FilterReport
 * @property {'filter'} type
 * @property {number} received camera frames that came in
 * @property {number} filtered pictures of a person over a background
 * @property {number} covered full blurs: the background alone, because the server was busy
 * @property {number} slated placeholder frames
 * @property {number} repeated the last good picture once more
 * @property {number} withheld frames that were dropped
 * @property {number} errors errors inside the filter
 * @property {number} raw pictures that the filter had not made: 0, or there is a defect
 * @property {number} fps
 * @property {number | null} delay in ms
 * @property {'none' | 'recording' | 'used'} plate
 * @property {'off' | 'following' | 'lost'} followed
 * @property {'error' | 'overload' | null} degraded
 * @property {string | null} reason
 * @property {Model} model
 * @property {number | null} rtt in ms
 * @property {number} lost share of packets
 *
 * @typedef {object} Totals
 * @property {'totals'} type
 * @property {number} since
 * @property {number} participants
 * @property {number} received camera frames that came in
 * @property {number} filtered pictures of a person over a background
 * @property {number} covered full blurs: the background alone, because the server was busy
 * @property {number} slated placeholder frames
 * @property {number} repeated the last good picture once more
 * @property {number} withheld frames that were dropped
 * @property {number} errors errors inside the filter
 * @property {number} raw pictures that the filter had not made: 0, or there is a defect
 * @property {number} screens
 * @property {Model} model
 *
 * @typedef {object} ServerError
 * @property {'error'} type
 * @property {string} code
 * @property {string} message
 * @property {boolean} fatal
 *
 * @typedef {object} Join
 * @property {'join'} type
 * @property {1} version
 * @property {string} room
 * @property {string} name
 * @property {string} [background]
 * @property {boolean} [preview]
 * @property {string} [seat]
 * @property {string} [hostToken]
 * @property {string} [token]
 * @property {string} [former] the seat before the page was loaded again
 * @property {string} [pin]
 *
 * @typedef {object} Enter
 * @property {'enter'} type
 * @property {string} [name]
 * @property {string} [hostToken]
 *
 * @typedef {object} PublishOffer
 * @property {'offer'} type
 * @property {'publish' | 'screen'} connection
 * @property {number} id
 * @property {string} sdp
 *
 * @typedef {object} SubscribeAnswer
 * @property {'answer'} type
 * @property {'subscribe'} connection
 * @property {number} id
 * @property {string} sdp
 *
 * @typedef {object} Candidate
 * @property {'candidate'} type
 * @property {Connection} connection
 * @property {IceCandidate | null} candidate
 *
 * @typedef {object} Restart
 * @property {'restart'} type
 * @property {'subscribe'} connection
 *
 * @typedef {object} Media
 * @property {'media'} type
 * @property {boolean} audio
 * @property {boolean} video
 * @property {boolean} [deviceFilter]
 * @property {boolean} [captions]
 *
 * @typedef {object} BackgroundChosen
 * @property {'background'} type
 * @property {string} background
 *
 * @typedef {object} ScreenStopped
 * @property {'screen'} type
 * @property {false} shared
 *
 * @typedef {object} Say
 * @property {'chat'} type
 * @property {string} text
 * @property {string} [to]
 *
 * @typedef {object} Hand
 * @property {'hand'} type
 * @property {boolean} raised
 * @property {string} [participant]
 *
 * @typedef {object} PlateWanted
 * @property {'plate'} type
 * @property {boolean} wanted
 *
 * @typedef {object} EffectsChosen
 * @property {'effects'} type
 * @property {boolean} framing whether the person is brought to the middle, and nearer
 * @property {boolean} lowLight whether a person in the dark is made lighter
 *
 * @typedef {object} PicturePoint
 * @property {number} x share of the picture's width, from the left
 * @property {number} y share of its height, from the top
 *
 * @typedef {object} FollowChosen
 * @property {'follow'} type
 * @property {'centre' | 'nobody' | PicturePoint | null} target whom to show; null is everybody
 *
 * @typedef {object} Receive
 * @property {'receive'} type
 * @property {'all' | 'saver' | 'none'} video
 * @property {string | null} [large]
 *
 * @typedef {object} React
 * @property {'reaction'} type
 * @property {string} reaction
 *
 * @typedef {object} Caption
 * @property {'caption'} type
 * @property {string} text
 * @property {boolean} final
 *
 * @typedef {object} TotalsAsked
 * @property {'totals'} type
 *
 * @typedef {object} Mute
 * @property {'mute'} type
 * @property {string} [participant]
 *
 * @typedef {object} Moderate
 * @property {'remove' | 'allow' | 'admit' | 'deny' | 'allow-unmute'} type
 * @property {string} participant
 *
 * @typedef {object} HostAct
 * @property {'clear-lobby' | 'lower-hands' | 'end' | 'invitations'} type
 *
 * @typedef {object} RoleGiven
 * @property {'role'} type
 * @property {string} participant
 * @property {'host' | 'guest'} role
 *
 * @typedef {object} SpotlightGiven
 * @property {'spotlight'} type
 * @property {string | null} participant
 *
 * @typedef {object} Invite
 * @property {'invite'} type
 * @property {'host' | 'guest'} role
 * @property {number} lifetime in s
 * @property {string} [pin]
 *
 * @typedef {object} RevokeInvitation
 * @property {'revoke'} type
 * @property {string} invitation
 *
 * @typedef {object} PinSet
 * @property {'pin'} type
 * @property {string | null} pin
 *
 * @typedef {object} PolicyWish
 * @property {'policy'} type
 * @property {{locked?: boolean, waitingRoom?: boolean, backgrounds?: 'any' | 'blur' | string[], screenShare?: 'allowed' | 'hosts' | 'off', recording?: boolean, deviceFilter?: 'optional' | 'required', files?: boolean}} policy any part of a Policy
 *
 * @typedef {object} RecordingAsked
 * @property {'recording'} type
 * @property {boolean} on
 *
 * @typedef {object} Leave
 * @property {'leave'} type
 * @property {boolean} [returning] whether the page may be back in a moment
 *
 * @typedef {Joined | Entered | Waiting | ParticipantJoined | ParticipantUpdated | ParticipantLeft | Knocked | KnockEnded | LobbyChanged | ViewersChanged | SubscribeOffer | PublishAnswer | BackgroundShown | BackgroundsOffered | Muted | UnmuteAllowed | ScreenEnded | ChatSaid | FileDeleted | Reacted | Captioned | Speaker | Qualities | Paused | CameraRequest | HiddenCameras | PolicyChanged | RecordingChanged | InvitationsTold | ReceiptIssued | FilterReport | Totals | ServerError} ServerMessage
 *
 * @typedef {Join | Enter | PublishOffer | SubscribeAnswer | Candidate | Restart | Media | BackgroundChosen | ScreenStopped | Say | Hand | PlateWanted | EffectsChosen | FollowChosen | Receive | React | Caption | TotalsAsked | Mute | Moderate | HostAct | RoleGiven | SpotlightGiven | Invite | RevokeInvitation | PinSet | PolicyWish | RecordingAsked | Leave} ClientMessage
 */

/** The protocol version this page speaks. */
export const VERSION = 1;
