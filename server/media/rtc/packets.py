"""Outgoing RTP packets: header (RFC 3550), extensions (RFC 8285), retransmission (RFC 4588). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack_from
from typing import NamedTuple

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
ONE_BYTE_HEADER = 0xBEDE
MAX_ID = 14
MAX_LENGTH = 16
HISTORY = 256
"""Packets kept for retransmission, more than a second of video; a power of two."""
MARKER = 0x80


class HeaderExtensions:
    """Writes the extensions of one stream: its mid, when a packet is sent, and how loud it is."""

    def __init__(self, ids: dict[str, int], mid: str) -> None:
        """Take the negotiated ids by URI; what the one-byte form can't hold is left out."""
        ids = {uri: number for uri, number in ids.items() if number <= MAX_ID}
        self._level = ids.get(AUDIO_LEVEL)
        self._send_time = ids.get(ABS_SEND_TIME)
        fits = MID in ids and 0 < len(mid.encode()) <= MAX_LENGTH
        self._mid = _element(ids[MID], mid.encode()) if fits else b""

    def block(self, ntp: int, level: int | None = None, voice: bool = False) -> bytes:
        """Return the extension block of packets sent at `ntp`, empty when there is nothing to write."""
        elements = self._mid
        if self._level is not None and level is not None:
            elements += _element(self._level, bytes((0x80 * voice | level & 0x7F,)))
        if self._send_time is not None:
            elements += _element(self._send_time, (ntp >> 14 & 0xFFFFFF).to_bytes(3, "big"))
        if not elements:
            return b""
        elements += bytes(-len(elements) % 4)
        return pack("!HH", ONE_BYTE_HEADER, len(elements) // 4) + elements


def _element(number: int, value: bytes) -> bytes:
    return bytes((number << 4 | len(value) - 1,)) + value


class Retransmission(NamedTuple):
    """SSRC and payload type of the retransmission stream, and its next sequence number."""

    ssrc: int
    payload_type: int
    sequence_number: int


class _Sent(NamedTuple):
    """A packet as it was sent; payloads are shared by all receivers, so that a history costs little."""

    sequence_number: int
    header: bytes
    payload: bytes


class PacketWriter:
    """Numbers and writes the packets of one SSRC, and keeps the latest for retransmission."""

    def __init__(
        self,
        ssrc: int,
        payload_type: int,
        sequence_number: int,
        extensions: HeaderExtensions,
        rtx: Retransmission | None = None,
        *,
        video: bool = True,
    ) -> None:
        """With `video` the last packet of each write has the marker bit, and there is a history."""
        self._ssrc = ssrc
        self._payload_type = payload_type
        self._sequence_number = sequence_number
        self._extensions = extensions
        self._rtx = rtx
        self._video = video
        self._history: dict[int, _Sent] = {}

    def write(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        ntp: int,
        level: int | None = None,
        voice: bool = False,
    ) -> list[bytes]:
        """Return the packets of one frame, or of one piece of audio, to be sent at `ntp`."""
        block = self._extensions.block(ntp, level, voice)
        flags = 0x90 if block else 0x80
        packets = []
        for left, payload in enumerate(payloads, 1 - len(payloads)):
            number = self._sequence_number
            self._sequence_number = (number + 1) & 0xFFFF
            second = self._payload_type | (MARKER if self._video and left == 0 else 0)
            header = pack("!BBHLL", flags, second, number, timestamp, self._ssrc) + block
            if self._video:
                self._history[number % HISTORY] = _Sent(number, header, payload)
            packets.append(header + payload)
        return packets

    def rewrite(self, sequence_number: int, ntp: int) -> bytes | None:
        """Return a packet again, to be sent at `ntp`; None when it is no longer kept.

        Over RTX it gets a new send time: an old one would look like congestion to the receiver's estimator.
        """
        sent = self._history.get(sequence_number % HISTORY)
        if sent is None or sent.sequence_number != sequence_number:
            return None
        if self._rtx is None:
            return sent.header + sent.payload
        ssrc, payload_type, number = self._rtx
        self._rtx = self._rtx._replace(sequence_number=(number + 1) & 0xFFFF)
        block = self._extensions.block(ntp)
        _, second, original, timestamp = unpack_from("!BBHL", sent.header)
        header = pack(
            "!BBHLL", 0x90 if block else 0x80, second & MARKER | payload_type, number, timestamp, ssrc
        )
        return header + block + pack("!H", original) + sent.payload
