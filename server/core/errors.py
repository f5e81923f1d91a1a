"""Every error of the server, in one tree; those of the filter stand in filters/base.py.

GreenroomError
├── ConfigError        an option can't be used
├── SignalingError     what a client asks for can't be done: a code, a text for people, an HTTP status
│   └── TokenError     there is no token or PIN, or not the right one
├── SdpError           no session description of a WebRTC peer
│   └── UnsupportedSdpError  it is one, and nothing of it can be carried
├── FragmentError      no ICE fragment (WHIP)
├── JanusError         Janus refuses, or is not there
├── ReceiptError       a receipt or a key is not what it should be
├── DecodeError        what came from a camera is no picture
├── EncodeError        a codec could not encode a picture
└── WorkerError        a worker has ended or failed

FilterError            a frame could not be filtered: whoever catches it must withhold the frame
├── ModelError         a network is not what its card says
└── MediaError         a file can't be read, filtered or written
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal

STATUS: Final = {
    "bad-answer": 400,
    "bad-candidate": 400,
    "bad-file": 400,
    "bad-message": 400,
    "bad-name": 400,
    "bad-room": 400,
    "bad-sdp": 400,
    "not-in-room": 400,
    "not-joined": 400,
    "unknown-type": 400,
    "unsupported-version": 400,
    "pin-missing": 401,
    "pin-wrong": 401,
    "token-expired": 401,
    "token-invalid": 401,
    "token-missing": 401,
    "token-revoked": 401,
    "unauthorized": 401,
    "background-forbidden": 403,
    "cross-origin": 403,
    "denied": 403,
    "device-filter-required": 403,
    "files-forbidden": 403,
    "host-only": 403,
    "no-keys": 403,
    "recording-forbidden": 403,
    "recording-off": 403,
    "removed": 403,
    "room-locked": 403,
    "screen-forbidden": 403,
    "token-wrong-room": 403,
    "unknown-file": 404,
    "unknown-invitation": 404,
    "unknown-participant": 404,
    "unknown-room": 404,
    "unknown-session": 404,
    "not-acceptable": 406,
    "too-slow": 408,
    "ended": 409,
    "files-full": 409,
    "last-host": 409,
    "not-connected": 409,
    "nothing-published": 409,
    "replaced": 409,
    "restart-pending": 409,
    "screen-busy": 409,
    "too-many-invitations": 409,
    "too-many-uploads": 409,
    "upload-busy": 409,
    "length-required": 411,
    "precondition-failed": 412,
    "too-large": 413,
    "unsupported-media-type": 415,
    "bad-picture": 422,
    "unacceptable-sdp": 422,
    "unknown-background": 422,
    "precondition-required": 428,
    "too-many-connections": 429,
    "too-many-files": 429,
    "too-many-messages": 429,
    "too-many-pins": 429,
    "recording-failed": 500,
    "moved": 503,
    "no-port": 503,
    "not-here": 503,
    "room-full": 503,
    "server-full": 503,
    "shutting-down": 503,
    "too-many-sessions": 503,
}
"""The HTTP status (RFC 9110) of each code that a client can be told; protocol.md and whip.md say what they mean."""

Problem = Literal[
    "token-missing",
    "token-invalid",
    "token-expired",
    "token-wrong-room",
    "token-revoked",
    "pin-missing",
    "pin-wrong",
    "too-many-pins",
]


class GreenroomError(Exception):
    """The root: nothing raises it itself."""


class ConfigError(GreenroomError):
    """An option can't be used; the message names where it was set, its name and the reason."""


class SignalingError(GreenroomError):
    """A request can't be honoured; `code` is stable and one of STATUS, `message` is for people."""

    def __init__(self, code: str, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fatal = fatal

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return STATUS.get(self.code, HTTPStatus.BAD_REQUEST)


class TokenError(SignalingError):
    """There is no token or PIN, or not the right one; `code` is a Problem."""

    def __init__(self, code: Problem, message: str) -> None:
        super().__init__(code, message, fatal=True)


class SdpError(GreenroomError, ValueError):
    """This is no session description of a WebRTC peer (RFC 8866, RFC 8829); the message says what is wrong."""


class UnsupportedSdpError(SdpError):
    """It is one, but this server carries nothing of what it asks for."""


class FragmentError(GreenroomError, ValueError):
    """This is no ICE fragment (RFC 8840)."""


class JanusError(GreenroomError):
    """Janus refuses, or is not there; `code` as in its documentation, LOST when the connection is lost."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class ReceiptError(GreenroomError):
    """A receipt or a key is not what it should be; the message is for people."""


class DecodeError(GreenroomError):
    """What came from the network is not a picture; the sender must start again with a keyframe."""


class EncodeError(GreenroomError):
    """A codec could not encode a picture; the next one must be a keyframe."""


class WorkerError(GreenroomError):
    """A worker has ended or failed; the frames it had are lost."""
