"""The peer connection on which somebody watches one participant, as WHEP has it: the client is the offerer."""

from __future__ import annotations

from aiortc import RTCPeerConnection, RTCRtpTransceiver

from server.config import Config
from server.ice import connect
from server.media.fanout import AudioSubscription, VideoSubscription
from server.media.publication import AudioPublication, VideoPublication
from server.media.rtc import RtpSender, set_stream_id
from server.policy import SignalingError
from server.publisher import check_sdp, set_remote_description


class Player:
    """Sends one participant's publications to one client. What can be played is what the wall lets through."""

    def __init__(self, config: Config, owner: str, video: VideoPublication, audio: AudioPublication) -> None:
        self.connection: RTCPeerConnection | None = None
        self._config = config
        self._owner = owner
        self._video = video
        self._audio = audio
        self._video_subscription: VideoSubscription | None = None
        self._audio_subscription: AudioSubscription | None = None

    async def offer(self, sdp: str) -> str:
        """Take an offer that receives video, audio or both; return the answer's SDP. Once only.

        Raises SignalingError bad-sdp.
        """
        check_sdp(sdp, self._config.max_sdp)
        connection = connect(self._config)
        try:
            await set_remote_description(connection, sdp, "offer")
            transceivers = self._sending(connection)
            await connection.setLocalDescription(await connection.createAnswer())
            if any(transceiver.currentDirection != "sendonly" for transceiver in transceivers):
                raise SignalingError("bad-sdp", "Every section must be recvonly.")
        except SignalingError:
            await connection.close()
            raise
        except (ValueError, KeyError) as error:
            await connection.close()
            raise SignalingError("bad-sdp", f"The offer can't be answered: {error}") from error
        self.connection = connection
        for transceiver in transceivers:
            self._subscribe(transceiver)
        return str(connection.localDescription.sdp)

    def _sending(self, connection: RTCPeerConnection) -> list[RTCRtpTransceiver]:
        """Return the one transceiver of each kind; raise SignalingError when there are more."""
        found = connection.getTransceivers()
        if len({transceiver.kind for transceiver in found}) < len(found):
            raise SignalingError("bad-sdp", "There may be one video and one audio section.")
        for transceiver in found:
            transceiver.direction = "sendonly"
            set_stream_id(transceiver, self._owner)
        return found

    def _subscribe(self, transceiver: RTCRtpTransceiver) -> None:
        if transceiver.kind == "video":
            sender = RtpSender(transceiver, on_keyframe_request=self._video.request_keyframe)
            self._video_subscription = VideoSubscription(sender, sender.codec or "VP8")
            self._video.subscribe(self._video_subscription)
        else:
            self._audio_subscription = AudioSubscription(RtpSender(transceiver))
            self._audio.subscribe(self._audio_subscription)

    async def close(self) -> None:
        """End the connection and what was received on it."""
        video, self._video_subscription = self._video_subscription, None
        audio, self._audio_subscription = self._audio_subscription, None
        if video is not None:
            self._video.unsubscribe(video)
            video.close()
        if audio is not None:
            self._audio.unsubscribe(audio)
            audio.close()
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()
