"""The peer connection on which a participant sends."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from server.config import Config
from server.media.publication import AudioPublication, VideoPublication
from server.media.rtc import peer_connection, receive_audio, receive_video
from server.policy import SignalingError

logger = logging.getLogger(__name__)

MAX_MEDIA_SECTIONS = 256


class Publisher:
    """Feeds a participant's publications from a browser's offer. Each offer replaces the connection before."""

    def __init__(self, config: Config, video: VideoPublication, audio: AudioPublication) -> None:
        self._config = config
        self._video = video
        self._audio = audio
        self._connection: RTCPeerConnection | None = None

    async def offer(self, sdp: str) -> str:
        """Take an offer with at most one video and one audio section; return the answer's SDP.

        Raises SignalingError bad-sdp; the connection before stays as it is then.
        """
        check_sdp(sdp)
        connection = peer_connection(self._config.ice_servers)
        try:
            await set_remote_description(connection, sdp, "offer")
            transceivers = _sending(connection)
            answer = await connection.createAnswer()
            await connection.setLocalDescription(answer)
        except SignalingError:
            await connection.close()
            raise
        except (ValueError, KeyError) as error:
            await connection.close()
            raise SignalingError("bad-sdp", f"The offer can't be answered: {error}") from error
        await self.close()
        self._connection = connection
        if "video" in transceivers:
            self._video.attach(receive_video(transceivers["video"].receiver, self._video.receive))
        if "audio" in transceivers:
            self._audio.attach(receive_audio(transceivers["audio"].receiver, self._audio.receive))
        return str(connection.localDescription.sdp)

    async def candidate(self, init: Mapping[str, Any] | None) -> None:
        """Add one of the browser's ICE candidates; None ends them. Raises SignalingError bad-candidate."""
        if self._connection is not None:
            await add_candidate(self._connection, init)

    async def close(self) -> None:
        """End the connection; the publications stay."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._video.attach(None)
            self._audio.attach(None)
            await connection.close()


def check_sdp(sdp: str) -> None:
    """Refuse what no browser sends to us before the parser sees it."""
    sections = [line for line in sdp.splitlines() if line.startswith("m=")]
    if not sections or len(sections) > MAX_MEDIA_SECTIONS:
        raise SignalingError(
            "bad-sdp", f"Expected 1 to {MAX_MEDIA_SECTIONS} media sections, got {len(sections)}."
        )
    if any(not section.startswith(("m=audio ", "m=video ")) for section in sections):
        raise SignalingError("bad-sdp", "Only audio and video sections are understood.")


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
        candidate.sdpMid = init.get("sdpMid")
        candidate.sdpMLineIndex = init.get("sdpMLineIndex")
        await connection.addIceCandidate(candidate)
    except (ValueError, AssertionError, IndexError, TypeError) as error:
        raise SignalingError("bad-candidate", f"The ICE candidate can't be used: {error}") from error


def _sending(connection: RTCPeerConnection) -> dict[str, RTCRtpTransceiver]:
    """Return the one transceiver of each kind; raise SignalingError when there are more."""
    found: dict[str, RTCRtpTransceiver] = {}
    for transceiver in connection.getTransceivers():
        if transceiver.kind in found:
            raise SignalingError("bad-sdp", f"More than one {transceiver.kind} section in the publish offer.")
        transceiver.direction = "recvonly"
        found[transceiver.kind] = transceiver
    return found
