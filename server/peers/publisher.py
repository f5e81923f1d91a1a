"""The peer connection on which a participant sends."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpTransceiver, RTCSessionDescription
from aiortc.sdp import SessionDescription, candidate_from_sdp

from server.config.options import Config
from server.core.errors import SignalingError
from server.media.publication import AudioPublication, VideoPublication
from server.media.rtc import VideoReceiver, VideoStats, receive_audio, receive_video
from server.media.screen import ScreenPublication
from server.peers.ice import connect

logger = logging.getLogger(__name__)

MAX_MEDIA_SECTIONS = 256
START_BITRATE = 800
"""kbit/s that Chromium begins with, instead of 300: it sends a quarter of the picture for some seconds else."""
MAX_PORT = 65535


class Publisher:
    """Feeds a participant's publications from a browser's offer. Each offer replaces the connection before.

    `on_lost` is called when the connection ends by itself.
    """

    def __init__(
        self,
        config: Config,
        video: VideoPublication | ScreenPublication,
        audio: AudioPublication,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.kinds: frozenset[str] = frozenset()
        self._config = config
        self._video = video
        self._audio = audio
        self._on_lost = on_lost
        self._connection: RTCPeerConnection | None = None
        self._receiver: VideoReceiver | None = None
        self._closed = False

    @property
    def connection(self) -> RTCPeerConnection | None:
        """The present connection."""
        return self._connection

    @property
    def stats(self) -> VideoStats | None:
        """What is known about the way of the video to here; None while there is none."""
        return None if self._receiver is None else self._receiver.stats

    async def offer(self, sdp: str) -> str:
        """Take an offer with at most one video and one audio section; return the answer's SDP.

        Raises SignalingError bad-sdp; the connection before stays as it is then. Or not-connected, when it is closed
        meanwhile.
        """
        check_sdp(sdp, self._config.max_sdp)
        connection = connect(self._config)
        try:
            if isinstance(self._video, ScreenPublication):
                _expect_vp8(connection, sdp)
            await set_remote_description(connection, sdp, "offer")
            transceivers = _sending(connection)
            answer = await connection.createAnswer()
            await connection.setLocalDescription(answer)
        except SignalingError:
            await connection.close()
            raise
        except Exception as error:  # aiortc raises whatever it stumbles over
            await connection.close()
            raise SignalingError("bad-sdp", f"The offer can't be answered: {error}") from error
        await self._end()
        if self._closed:
            await connection.close()
            raise SignalingError("not-connected", "The end came before the answer.")
        self._take(connection, transceivers)
        return _with_start_bitrate(connection.localDescription.sdp)

    def _take(self, connection: RTCPeerConnection, transceivers: Mapping[str, RTCRtpTransceiver]) -> None:
        self._connection = connection
        self.kinds = frozenset(transceivers)
        if "video" in transceivers:
            self._receiver = receive_video(transceivers["video"].receiver, self._video.receive)
            self._video.attach(self._receiver)
        if "audio" in transceivers:
            self._audio.attach(receive_audio(transceivers["audio"].receiver, self._audio.receive))

        def watch() -> None:
            if self._connection is connection and connection.connectionState in ("failed", "closed"):
                self._on_lost()

        connection.on("connectionstatechange", watch)

    async def candidate(self, init: Mapping[str, Any] | None) -> None:
        """Add one of the browser's ICE candidates; None ends them. Raises SignalingError bad-candidate."""
        if self._connection is not None:
            await add_candidate(self._connection, init)

    async def close(self) -> None:
        """End the connection, and one that is being answered; the publications stay."""
        self._closed = True
        await self._end()

    async def _end(self) -> None:
        connection, self._connection = self._connection, None
        self._receiver = None
        if connection is not None:
            self._video.attach(None)
            self._audio.attach(None)
            await connection.close()


def _with_start_bitrate(sdp: str) -> str:
    """Return an answer that tells Chromium, in the parameter that libwebrtc reads, how to begin."""
    vp8 = re.compile(r"^a=rtpmap:(\d+) VP8/90000\r\n", re.MULTILINE)
    return vp8.sub(rf"\g<0>a=fmtp:\1 x-google-start-bitrate={START_BITRATE}\r\n", sdp)


def check_sdp(sdp: str, limit: int) -> None:
    """Refuse what no browser sends to us before the parser sees it."""
    if len(sdp) > limit:
        raise SignalingError("bad-sdp", f"A session description has at most {limit} characters.")
    sections = [line for line in sdp.splitlines() if line.startswith("m=")]
    if not sections or len(sections) > MAX_MEDIA_SECTIONS:
        raise SignalingError(
            "bad-sdp", f"Expected 1 to {MAX_MEDIA_SECTIONS} media sections, got {len(sections)}."
        )
    if any(not section.startswith(("m=audio ", "m=video ")) for section in sections):
        raise SignalingError("bad-sdp", "Only audio and video sections are understood.")
    try:
        description = SessionDescription.parse(sdp)
    except Exception as error:  # aiortc's parser raises whatever it stumbles over
        raise SignalingError("bad-sdp", "This is no session description.") from error
    _check_transports(description)


def _check_transports(description: SessionDescription) -> None:
    """Refuse what would fail only later, in tasks of aiortc and aioice that nobody waits for."""
    sections = {section.rtp.muxId for section in description.media}
    for group in description.group:
        if not sections.issuperset(map(str, group.items[:1])):
            raise SignalingError("bad-sdp", "A group is of a section that is not there.")
    if any(c.port > MAX_PORT for section in description.media for c in section.ice_candidates):
        raise SignalingError("bad-sdp", "A candidate has no such port.")


async def set_remote_description(connection: RTCPeerConnection, sdp: str, kind: str) -> None:
    """As in RTCPeerConnection, but whatever is wrong with the SDP is a SignalingError bad-sdp."""
    try:
        await connection.setRemoteDescription(RTCSessionDescription(sdp, kind))
    except Exception as error:  # aiortc's parser raises whatever it stumbles over
        raise SignalingError("bad-sdp", f"The {kind} can't be used: {error}") from error


async def add_candidate(connection: RTCPeerConnection, init: Mapping[str, Any] | None) -> None:
    """Add a browser's RTCIceCandidateInit. Raises SignalingError bad-candidate."""
    line = str(init.get("candidate") or "") if init else ""
    if init is None or not line:
        await connection.addIceCandidate(None)
        return
    try:
        candidate = candidate_from_sdp(line.removeprefix("candidate:"))
        if candidate.port > MAX_PORT:
            raise ValueError("there is no such port")
        candidate.sdpMid = init.get("sdpMid")
        candidate.sdpMLineIndex = init.get("sdpMLineIndex")
        await connection.addIceCandidate(candidate)
    except (ValueError, AssertionError, IndexError, TypeError) as error:
        raise SignalingError("bad-candidate", f"The ICE candidate can't be used: {error}") from error


def _expect_vp8(connection: RTCPeerConnection, sdp: str) -> None:
    """Answer the video section with VP8 only, because what comes is what everybody has to decode.

    The sections are made in the order of the offer: aiortc stops the transport of all when the first is not the
    first that it has made (rtcpeerconnection.py:1005).
    """
    kinds = [line.split(" ")[0].removeprefix("m=") for line in sdp.splitlines() if line.startswith("m=")]
    if "video" not in kinds:
        raise SignalingError("bad-sdp", "There is no video section.")
    capabilities = RTCRtpReceiver.getCapabilities("video")
    assert capabilities is not None
    accepted = [c for c in capabilities.codecs if c.mimeType.lower() in ("video/vp8", "video/rtx")]
    for kind in kinds:
        transceiver = connection.addTransceiver(kind, direction="recvonly")
        if kind == "video":
            transceiver.setCodecPreferences(accepted)


def _sending(connection: RTCPeerConnection) -> dict[str, RTCRtpTransceiver]:
    """Return the one transceiver of each kind; raise SignalingError when there are more."""
    found: dict[str, RTCRtpTransceiver] = {}
    for transceiver in connection.getTransceivers():
        if transceiver.kind in found:
            raise SignalingError("bad-sdp", f"More than one {transceiver.kind} section in the publish offer.")
        transceiver.direction = "recvonly"
        found[transceiver.kind] = transceiver
    return found
