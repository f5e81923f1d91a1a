"""One subscriber's end of a publication: which pictures it gets, and with which picture ids."""

from __future__ import annotations

from server.media.encoder import EncodedVideo
from server.media.rtc import AudioPacket, RtpSender, packetize_h264, packetize_vp8

PICTURE_IDS = 1 << 15  # RFC 7741, section 4.2


class Packets:
    """The RTP payloads of the publication's picture number `index`, made once for all who can share them."""

    def __init__(self, index: int) -> None:
        self.index = index
        self._made: dict[tuple[str, int], list[bytes]] = {}

    def payloads(self, codec: str, video: EncodedVideo, picture_id: int) -> list[bytes]:
        """Return the payloads for a codec; only VP8 carries the picture id."""
        key = (codec, picture_id if codec == "VP8" else 0)
        made = self._made.get(key)
        if made is None:
            made = packetize_vp8(video.data, picture_id) if codec == "VP8" else packetize_h264(video.data)
            self._made[key] = made
        return made


class VideoSubscription:
    """Video to one peer: from a keyframe on, whole or only its base layer.

    Picture ids grow by one for every picture that this peer gets, so dropping a layer is no loss to its decoder.
    They start from the picture's own number, so that peers who get everything share their payloads.
    """

    def __init__(self, sender: RtpSender, codec: str) -> None:
        self.codec = codec
        self.base_only = False
        self._sender = sender
        self._started = False
        self._picture_id: int | None = None

    def deliver(self, video: EncodedVideo, packets: Packets, capture_ntp: int | None) -> None:
        """Send one picture, unless the peer isn't connected, waits for a keyframe, or drops its layer."""
        if not self._sender.ready:
            self._started = False
            return
        if video.keyframe:
            self._started = True
        if not self._started or (self.base_only and video.layer):
            return
        picture_id = packets.index if self._picture_id is None else self._picture_id
        picture_id %= PICTURE_IDS
        self._picture_id = picture_id + 1
        payloads = packets.payloads(self.codec, video, picture_id)
        self._sender.send(payloads, video.timestamp, capture_ntp=capture_ntp)

    def close(self) -> None:
        """Send nothing any more."""
        self._started = False
        self._sender.close()


class AudioSubscription:
    """Audio to one peer."""

    def __init__(self, sender: RtpSender) -> None:
        self._sender = sender

    def deliver(self, packet: AudioPacket) -> None:
        """Send one Opus packet."""
        self._sender.send([packet.data], packet.timestamp, level=packet.level)

    def close(self) -> None:
        """Send nothing any more."""
        self._sender.close()
