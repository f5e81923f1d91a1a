"""Video packets in, complete decodable frames out, and what to ask the sender for. Pure: time is passed in.

Differs from aiortc's jitterbuffer.py and NackGenerator (aiortc#1418) in that a frame is emitted on its marker
bit and not when the next one begins, a packet is asked for until it comes, a hole has a deadline, and nothing
that refers to a lost frame is ever emitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .clocks import Unwrapper

CAPACITY = 1024
"""Packets held at most, and waited for at most; a jump by more than that is a new stream."""
MAX_GAP = 256
"""More packets than that in one hole are not asked for again: a keyframe is cheaper."""
SILENT_GAP = 32
"""The same where the stream was silent for longer than the deadline: most of them would come too late."""
MIN_DEADLINE = 0.150  # seconds that a hole is waited for, or 4 round trips; chosen
MAX_ROUND_TRIP = 1.0
"""Seconds that a sample counts for at most: the peer chooses it, and so how long its packets are waited for."""
NACK_FRACTION = 0.2
"""Of a round trip between two requests for one packet, so that a lost request costs only that much.

libwebrtc repeats a packet at most once per round trip of its own measuring (RtpPacketHistory::VerifyRtt): the more
often it is asked, the sooner it does after that.
"""
NACK_MARGIN = 0.005  # seconds more than that; chosen
PLI_INTERVAL = 0.2  # seconds between two requests for a keyframe, or 1.5 round trips; chosen
SILENCE = 2.0
"""A sender that has been silent for so long is not asked for anything."""
FIRST_ROUND_TRIP = 0.1  # seconds; chosen
EXACT_WEIGHT = 1 / 4  # of one sample of the round trip; chosen
DOUBTFUL_WEIGHT = 1 / 8  # the same where it may be of another request: RFC 6298, section 2


class RoundTrip:
    """Smoothed round-trip time in seconds; a guess until the first sample."""

    def __init__(self) -> None:
        self.seconds = FIRST_ROUND_TRIP
        self._measured = False

    def add(self, sample: float, exact: bool = True) -> None:
        """Take a sample in seconds, cut to MAX_ROUND_TRIP and ignored unless it is positive.

        It is not `exact` when more than one request was sent and it is that of the first.

        Karn's rule would leave those out, but with requests closer than a round trip there are few others. The
        answer mostly is to the first, and an estimate that is too low must not confirm itself.
        """
        if sample <= 0:
            return
        weight = (EXACT_WEIGHT if exact else DOUBTFUL_WEIGHT) if self._measured else 1.0
        self.seconds += (min(sample, MAX_ROUND_TRIP) - self.seconds) * weight
        self._measured = True


@dataclass(slots=True)
class BufferCounters:
    """What a VideoBuffer has seen and asked for; `repaired` packets came on request, `lost` ones were given up."""

    packets: int = 0
    bytes: int = 0
    repaired: int = 0
    lost: int = 0
    nacks: int = 0
    plis: int = 0
    frames: int = 0
    gave_up: int = 0


class BufferedFrame(NamedTuple):
    """A complete frame: payloads without their descriptors, joined, and the 32-bit RTP timestamp."""

    timestamp: int
    data: bytes
    keyframe: bool


class Wanted(NamedTuple):
    """What `VideoBuffer.poll` asks for: sequence numbers (16 bit, sorted) and whether a keyframe."""

    nack: list[int]
    pli: bool


class _Packet(NamedTuple):
    timestamp: int
    marker: bool
    data: bytes
    key: bool


@dataclass(slots=True)
class _Missing:
    since: float
    asked: float = 0.0
    """When it was asked for last, in seconds."""
    requests: int = 0


class VideoBuffer:
    """Reassembles the frames of one RTP stream.

    Call `add` for each packet, and while `waiting` call `poll` after it and every TICK seconds; both return
    the frames that can be decoded now.
    """

    TICK = 0.01  # seconds; chosen: a fraction of the shortest deadline

    def __init__(self, round_trip: RoundTrip, counters: BufferCounters | None = None) -> None:
        self.counters = counters or BufferCounters()
        self._round_trip = round_trip
        self._unwrap = Unwrapper(16)
        self._packets: dict[int, _Packet] = {}
        self._missing: dict[int, _Missing] = {}
        self._high: int | None = None
        self._next = 0  # where the next frame begins; while a keyframe is needed, not before this
        self._needs_keyframe = True
        self._last_arrival = 0.0
        self._last_pli = float("-inf")

    @property
    def deadline(self) -> float:
        """Seconds that a missing packet is waited for."""
        return max(MIN_DEADLINE, 4 * self._round_trip.seconds)

    def waiting(self, now: float) -> bool:
        """Whether `poll` has something to do even if no packet comes."""
        return bool(self._missing or self._needs_keyframe) and now - self._last_arrival < SILENCE

    def add(
        self,
        number: int,
        timestamp: int,
        data: bytes,
        now: float,
        *,
        marker: bool,
        key: bool = False,
        rtx: bool = False,
    ) -> list[BufferedFrame]:
        """Take a packet and return the frames that it completes, in decoding order.

        `number` and `timestamp` are the RTP header's, `data` the payload without its descriptor (empty for
        padding), `key` says that a keyframe begins here, `rtx` that it is a retransmission.
        """
        sequence = self._unwrap(number)
        self.counters.bytes += len(data)
        self._note_arrival(sequence, now, rtx)
        if sequence < self._next or sequence in self._packets:
            return []
        self._packets[sequence] = _Packet(timestamp, marker, data, key)
        if self._needs_keyframe and not (key and self._seek_keyframe()):
            return []
        return self._drain()

    def poll(self, now: float) -> tuple[Wanted, list[BufferedFrame]]:
        """Return what to ask the sender for, and the frames that giving up on a packet has released."""
        frames = self._expire(now)
        interval = max(PLI_INTERVAL, 1.5 * self._round_trip.seconds)
        wanted = Wanted(self._due(now), self._needs_keyframe and now - self._last_pli >= interval)
        self.counters.nacks += len(wanted.nack)
        if wanted.pli:
            self._last_pli = now
            self.counters.plis += 1
        return wanted, frames

    def request_keyframe(self) -> None:
        """Emit nothing before the next keyframe and ask for one: the decoder has lost its state."""
        self._restart(self._next)

    def _note_arrival(self, sequence: int, now: float, rtx: bool) -> None:
        """Book a packet: whether it was waited for, and the hole that it leaves behind."""
        self.counters.packets += 1
        silence, self._last_arrival = now - self._last_arrival, now
        if self._high is None:
            self._high, self._next = sequence, sequence - SILENT_GAP
            return
        missing = self._missing.pop(sequence, None)
        if missing is not None and missing.requests and rtx:
            self.counters.repaired += 1
            self._round_trip.add(now - missing.since, exact=missing.requests == 1)
        gap = sequence - self._high - 1
        limit = MAX_GAP if silence < self.deadline else SILENT_GAP
        if gap > limit or gap < -CAPACITY or len(self._missing) + gap > CAPACITY:
            self.counters.gave_up += 1
            self._restart(sequence)
            self._high = sequence
        elif gap >= 0:
            self._missing.update((lost, _Missing(now)) for lost in range(self._high + 1, sequence))
            self._high = sequence

    def _expire(self, now: float) -> list[BufferedFrame]:
        """Give up what has been missing for too long."""
        oldest = now - self.deadline
        expired = [sequence for sequence, missing in self._missing.items() if missing.since < oldest]
        overflow = len(self._packets) > CAPACITY
        if not expired and not overflow:
            return []
        self.counters.gave_up += not self._needs_keyframe
        self._needs_keyframe = True
        self._forget_before(max(expired, default=self._next - 1) + 1)
        if not overflow and self._seek_keyframe():
            return self._drain()
        if self._high is not None:
            self._restart(self._high + 1)
        return []

    def _due(self, now: float) -> list[int]:
        """Sequence numbers whose turn it is to be asked for, first or again."""
        before = now - self._round_trip.seconds * NACK_FRACTION - NACK_MARGIN
        due = []
        for sequence, missing in self._missing.items():
            if not missing.requests or missing.asked <= before:
                missing.asked, missing.requests = now, missing.requests + 1
                due.append(sequence & 0xFFFF)
        return sorted(due)

    def _restart(self, sequence: int) -> None:
        """Drop everything that is held, and wait for a keyframe that begins at `sequence` or later."""
        self._packets.clear()
        self.counters.lost += len(self._missing)
        self._missing.clear()
        self._needs_keyframe = True
        self._next = sequence

    def _forget_before(self, sequence: int) -> None:
        self._next = sequence
        self._packets = {number: packet for number, packet in self._packets.items() if number >= sequence}
        held = {number: missing for number, missing in self._missing.items() if number >= sequence}
        self.counters.lost += len(self._missing) - len(held)
        self._missing = held

    def _seek_keyframe(self) -> bool:
        """Go to the beginning of the newest keyframe that is held, complete or not."""
        starts = [number for number, packet in self._packets.items() if packet.key and number >= self._next]
        if not starts:
            return False
        timestamp = self._packets[max(starts)].timestamp
        self._forget_before(min(number for number in starts if self._packets[number].timestamp == timestamp))
        self._needs_keyframe = False
        for number in range(self._next, max(self._packets)):  # holes from before the stream was followed
            if number not in self._packets and number not in self._missing:
                self._missing[number] = _Missing(self._last_arrival)
        return True

    def _drain(self) -> list[BufferedFrame]:
        frames = []
        while (frame := self._take()) is not None:
            frames.append(frame)
        self.counters.frames += len(frames)
        return frames

    def _take(self) -> BufferedFrame | None:
        """Remove and return the frame that begins at the head, if all of it is there."""
        while (head := self._packets.get(self._next)) is not None and not head.data:
            del self._packets[self._next]
            self._next += 1
        if head is None:
            return None
        parts: list[bytes] = []
        complete = False
        while not complete:
            packet = self._packets.get(self._next + len(parts))
            if packet is None:
                return None
            if packet.timestamp != head.timestamp:
                break
            parts.append(packet.data)
            complete = packet.marker
        for sequence in range(self._next, self._next + len(parts)):
            del self._packets[sequence]
        self._next += len(parts)
        return BufferedFrame(head.timestamp, b"".join(parts), head.key)
