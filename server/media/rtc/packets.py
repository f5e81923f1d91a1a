"""Outgoing RTP packets: header (RFC 3550), extensions (RFC 8285), retransmission (RFC 4588). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, pack, unpack_from
from typing import NamedTuple, TypeAlias

from server.core.token_bucket import TokenBucket

from .transport_cc import URI as TRANSPORT_CC

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
FIXED_HEADER = Struct("!BBHLL")
"""V, P, X, CC; M, PT; sequence number; timestamp; SSRC (RFC 3550, section 5.1)."""
ONE_BYTE_HEADER = 0xBEDE  # RFC 8285, 4.2
MAX_ID = 14  # 15 is reserved, ibid.
MAX_LENGTH = 16  # bytes of an element, ibid.
HISTORY = 256
"""Packets kept for retransmission, more than a second of video; a power of two."""
VERSION = 2 << 6  # V, in the first byte, RFC 3550, 5.1
EXTENDED = 0x10  # X bit, likewise
MARKER = 0x80  # M bit, in the second byte, likewise
RTX_SHARE = 0.25
"""Bytes of retransmissions for each byte that is sent; chosen."""
RTX_BURST = 30_000
"""Bytes that may be repeated at once: a keyframe."""
RTX_INTERVAL = 0.8
"""Share of a round trip between two retransmissions of a packet; chosen, as round trips get shorter, too."""
GIVE_UP_INTERVAL = 1.0  # seconds between two keyframes in place of what can't be repeated; chosen


class HeaderExtensions:
    """Writes the extensions of one stream: its mid, when a packet is sent, how loud it is, its number for feedback."""

    def __init__(self, ids: dict[str, int], mid: str) -> None:
        """Take the negotiated ids by URI; what the one-byte form can't hold is left out."""
        ids = {uri: number for uri, number in ids.items() if 0 < number <= MAX_ID}
        self._level = ids.get(AUDIO_LEVEL)
        self._send_time = ids.get(ABS_SEND_TIME)
        self._number = ids.get(TRANSPORT_CC)
        fits = MID in ids and 0 < len(mid.encode()) <= MAX_LENGTH
        self._mid = _element(ids[MID], mid.encode()) if fits else b""
        self._forms: dict[tuple[int | None, bool, bool], tuple[bytes, bytes, bytes]] = {}
        """Blocks by level, voice and whether they are numbered: up to the send time, up to the number, the rest."""

    @property
    def numbered(self) -> bool:
        """Whether packets carry a transport-wide sequence number."""
        return self._number is not None

    def block(
        self, ntp: int, level: int | None = None, voice: bool = False, number: int | None = None
    ) -> bytes:
        """Return the extension block of a packet sent at `ntp`, empty when there is nothing to write."""
        before, after = self.around_number(ntp, level, voice, numbered=number is not None)
        if number is None or self._number is None:
            return before
        return before + number.to_bytes(2, "big") + after

    def around_number(
        self, ntp: int, level: int | None = None, voice: bool = False, *, numbered: bool = True
    ) -> tuple[bytes, bytes]:
        """Return what a block has before and after the two bytes of the number, in all packets of one frame alike.

        Where there is no number it is the whole block, and nothing.
        """
        form = self._forms.get((level, voice, numbered))
        if form is None:
            form = self._forms[level, voice, numbered] = self._form(level, voice, numbered)
        start, middle, end = form
        if self._send_time is None:
            return start, end
        return start + (ntp >> 14 & 0xFFFFFF).to_bytes(3, "big") + middle, end

    def _form(self, level: int | None, voice: bool, numbered: bool) -> tuple[bytes, bytes, bytes]:
        """Return a block up to the send time, from there up to the number, and after the number.

        Without a send time the first goes up to the number; without a number nothing comes after it.
        """
        elements = self._mid
        if self._level is not None and level is not None:
            elements += _element(self._level, bytes((0x80 * voice | level & 0x7F,)))
        if self._send_time is not None:
            elements += _element(self._send_time, bytes(3))
        timed = 4 + len(elements)
        numbered = numbered and self._number is not None
        if numbered:
            elements += _element(self._number or 0, bytes(2))
        if not elements:
            return b"", b"", b""
        padding = bytes(-len(elements) % 4)
        block = pack("!HH", ONE_BYTE_HEADER, (len(elements) + len(padding)) // 4) + elements
        before, after = (block[:-2], padding) if numbered else (block + padding, b"")
        if self._send_time is None:
            return before, b"", after
        return before[: timed - 3], before[timed:], after


def _element(number: int, value: bytes) -> bytes:
    return bytes((number << 4 | len(value) - 1,)) + value


class Retransmission(NamedTuple):
    """SSRC and payload type of the retransmission stream, and its next sequence number."""

    ssrc: int
    payload_type: int
    sequence_number: int


class RetransmissionLimit:
    """Keeps retransmissions from feeding the congestion that they are asked for in. Time is passed in.

    Receivers ask again and again for what a full queue has dropped. A packet is repeated at most once in a round
    trip, as libwebrtc does it (RtpPacketHistory::VerifyRtt), and all together take a share of what is sent.
    """

    def __init__(self) -> None:
        self._budget = TokenBucket(RTX_BURST)
        self._repeated: dict[int, tuple[int, float]] = {}
        self._refused = False
        self._gave_up = float("-inf")

    def sent(self, size: int) -> None:
        """Note so many bytes of new packets."""
        self._budget.add(RTX_SHARE * size)

    def allows(self, sequence_number: int, size: int, now: float, round_trip: float) -> bool:
        """Tell whether to repeat a packet of `size` bytes at `now`; counts it if so. Times in seconds."""
        number, at = self._repeated.get(sequence_number % HISTORY, (-1, 0.0))
        if number == sequence_number and now - at < RTX_INTERVAL * round_trip:
            return False
        self._refused = not self._budget.take(size)
        if self._refused:
            return False
        self._repeated[sequence_number % HISTORY] = sequence_number, now
        return True

    def exhausted(self, now: float) -> bool:
        """Tell, at most once in a while, that a keyframe has to take the place of what can't be repeated."""
        if not self._refused or now - self._gave_up < GIVE_UP_INTERVAL:
            return False
        self._gave_up = now
        return True


_Sent: TypeAlias = tuple[int, bytes, bytes]
"""A packet as it was sent: its sequence number, header, and payload, which all receivers share."""

_NOTHING: _Sent = (-1, b"", b"")  # no sequence number is negative


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
        number: Callable[[int], int] | None = None,
    ) -> None:
        """With `video` the last packet of each write has the marker bit, and there is a history.

        `number` gives a packet with so many bytes of payload its transport-wide sequence number.
        """
        self._ssrc = ssrc
        self._payload_type = payload_type
        self._sequence_number = sequence_number
        self._extensions = extensions
        self._rtx = rtx
        self._video = video
        self._number = number if extensions.numbered else None
        self._history: dict[int, _Sent] = {}
        self.limit = RetransmissionLimit()

    def write(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        ntp: int,
        level: int | None = None,
        voice: bool = False,
    ) -> list[bytes]:
        """Return the packets of one frame, or of one piece of audio, to be sent at `ntp`."""
        if self._video:
            self.limit.sent(sum(map(len, payloads)))
        numbered = self._number
        before, after = self._extensions.around_number(ntp, level, voice, numbered=numbered is not None)
        first, second = VERSION | EXTENDED if before else VERSION, self._payload_type
        packets = []
        for left, payload in enumerate(payloads, 1 - len(payloads)):
            number = self._sequence_number
            self._sequence_number = (number + 1) & 0xFFFF
            if self._video and left == 0:
                second |= MARKER
            header = FIXED_HEADER.pack(first, second, number, timestamp, self._ssrc) + before
            if numbered is not None:
                header += numbered(len(payload)).to_bytes(2, "big") + after
            if self._video:
                self._history[number % HISTORY] = number, header, payload
            packets.append(header + payload)
        return packets

    def forget(self) -> None:
        """Keep no packet that was written so far."""
        self._history.clear()

    def rewrite(self, sequence_number: int, ntp: int, round_trip: float = 0.0) -> bytes | None:
        """Return a packet again, to be sent at `ntp`; None when it is no longer kept or `limit` forbids it.

        Over RTX it gets a new send time: an old one would look like congestion to the receiver's estimator.
        """
        known, sent, payload = self._history.get(sequence_number % HISTORY, _NOTHING)
        if known != sequence_number:
            return None
        if not self.limit.allows(sequence_number, len(payload), ntp / (1 << 32), round_trip):
            return None
        if self._rtx is None:
            return sent + payload
        ssrc, payload_type, number = self._rtx
        self._rtx = self._rtx._replace(sequence_number=(number + 1) & 0xFFFF)
        transport_wide = None if self._number is None else self._number(len(payload))
        block = self._extensions.block(ntp, number=transport_wide)
        _, second, original, timestamp = unpack_from("!BBHL", sent)
        header = FIXED_HEADER.pack(
            VERSION | EXTENDED if block else VERSION,
            second & MARKER | payload_type,
            number,
            timestamp,
            ssrc,
        )
        return header + block + pack("!H", original) + payload
