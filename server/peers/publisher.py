"""The peer connection on which a participant sends."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from aiortc import RTCRtpTransceiver

from server.config.options import Config
from server.core.errors import SignalingError
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.rtc import PeerConnection, VideoReceiver, VideoStats, receive_audio, receive_video
from server.media.rtc.sdp import CARRIED, Carried, RemoteDescription
from server.media.screen import ScreenPublication
from server.peers.descriptions import add_candidate, answering, expect_one_of_each
from server.peers.ice import connect

logger = logging.getLogger(__name__)

START_BITRATE = 800
"""kbit/s that Chromium begins with, instead of 300: it sends a quarter of the picture for some seconds else."""


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
        self._connection: PeerConnection | None = None
        self._receiver: VideoReceiver | None = None
        self._closed = False

    @property
    def connection(self) -> PeerConnection | None:
        """The present connection."""
        return self._connection

    @property
    def stats(self) -> VideoStats | None:
        """What is known about the way of the video to here; None while there is none."""
        return None if self._receiver is None else self._receiver.stats

    @property
    def carried(self) -> Carried:
        """The codecs that may be offered: what is not encoded anew has to be one that everybody decodes."""
        return {**CARRIED, "video": ("vp8",)} if isinstance(self._video, ScreenPublication) else CARRIED

    async def offer(self, offer: RemoteDescription) -> str:
        """Take an offer that sends at most one video and one audio; return the answer's SDP.

        Raises SignalingError bad-sdp; the connection before stays as it is then. Or not-connected, when it is closed
        meanwhile.
        """
        expect_one_of_each(offer)
        if isinstance(self._video, ScreenPublication) and all(s.kind != "video" for s in offer.carried):
            raise SignalingError("bad-sdp", "There is no video section.")
        connection = connect(self._config)
        async with answering(connection):
            await connection.setRemoteDescription(offer)
            transceivers = _sending(connection)
            answer = await connection.createAnswer()
            await connection.setLocalDescription(answer)
        await self._end()
        if self._closed:
            await connection.close()
            raise SignalingError("not-connected", "The end came before the answer.")
        sent = {kind: each for kind, each in transceivers.items() if each.currentDirection == "recvonly"}
        self._take(connection, sent)
        return _with_start_bitrate(connection.localDescription.sdp)

    def _take(self, connection: PeerConnection, transceivers: Mapping[str, RTCRtpTransceiver]) -> None:
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


def _sending(connection: PeerConnection) -> dict[str, RTCRtpTransceiver]:
    """Receive on the one transceiver of each kind; return them by kind."""
    found: dict[str, RTCRtpTransceiver] = {}
    for transceiver in connection.getTransceivers():
        transceiver.direction = "recvonly"
        found[transceiver.kind] = transceiver
    return found
