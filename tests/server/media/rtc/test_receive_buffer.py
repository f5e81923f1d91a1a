"""The video receive buffer against a simulated sender and network."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.media.rtc.receive_buffer import (
    CAPACITY,
    MIN_DEADLINE,
    PLI_INTERVAL,
    BufferedFrame,
    RoundTrip,
    VideoBuffer,
    Wanted,
)


class Packet(NamedTuple):
    number: int
    timestamp: int
    data: bytes
    marker: bool
    key: bool


@dataclass
class Sender:
    """Makes frames of a few packets; numbers and timestamps are about to wrap."""

    number: int = 0xFFFA
    timestamp: int = 0xFFFFFFFF - 4000
    frames: list[tuple[bytes, bool]] = field(default_factory=list)

    def frame(self, size: int, key: bool, padding: int = 0, marker: bool = True) -> list[Packet]:
        index = len(self.frames)
        parts = [b"%d.%d;" % (index, part) for part in range(size)]
        self.frames.append((b"".join(parts), key))
        packets = [
            self._packet(part, marker and i == size - 1, key and i == 0) for i, part in enumerate(parts)
        ]
        packets += [self._packet(b"", False, False) for _ in range(padding)]
        self.timestamp = (self.timestamp + 3000) & 0xFFFFFFFF
        return packets

    def _packet(self, data: bytes, marker: bool, key: bool) -> Packet:
        number, self.number = self.number, (self.number + 1) & 0xFFFF
        return Packet(number, self.timestamp, data, marker, key)

    def check(self, emitted: list[BufferedFrame]) -> list[int]:
        """Assert that frames are whole, in order and decodable; return their indices."""
        index = {data: i for i, (data, _) in enumerate(self.frames)}
        indices = [index[frame.data] for frame in emitted]
        for frame, i in zip(emitted, indices, strict=True):
            assert frame.keyframe == self.frames[i][1]
        for before, after in zip([-2, *indices], indices, strict=False):
            assert after > before
            assert after == before + 1 or self.frames[after][1], "refers to a frame that was not emitted"
        return indices


def add(buffer: VideoBuffer, packet: Packet, now: float, rtx: bool = False) -> list[BufferedFrame]:
    return buffer.add(*packet[:3], now, marker=packet.marker, key=packet.key, rtx=rtx)


def buffer_with_rtt(seconds: float = 0.1) -> VideoBuffer:
    round_trip = RoundTrip()
    round_trip.add(seconds)
    return VideoBuffer(round_trip)


shapes = st.lists(
    st.tuples(st.integers(1, 4), st.booleans(), st.integers(0, 2), st.booleans()), min_size=2, max_size=30
)


@settings(max_examples=150, deadline=None)
@given(shapes, st.data())
@pytest.mark.slow
def test_reordering_and_duplicates_lose_nothing(
    frames: list[tuple[int, bool, int, bool]], data: st.DataObject
) -> None:
    """Up to 8 places early or late: every frame comes out, once, and as soon as it is whole."""
    sender, buffer = Sender(), buffer_with_rtt()
    packets = [
        packet
        for i, (size, key, padding, marker) in enumerate(frames)
        for packet in sender.frame(size, key or i == 0, padding, marker or i == len(frames) - 1)
    ]
    places = data.draw(st.lists(st.integers(0, 8), min_size=len(packets), max_size=len(packets)))
    places[0] = -1  # else the stream may rightly begin with a later keyframe
    order = [i for i, _ in sorted(enumerate(places), key=lambda place: place[0] + place[1])]
    twice = data.draw(st.sets(st.integers(0, len(packets) - 1), max_size=5))
    emitted = []
    for step, i in enumerate(order):
        for _ in range(1 + (step in twice)):
            emitted += add(buffer, packets[i], step * 0.005)
            emitted += buffer.poll(step * 0.005)[1]
    assert sender.check(emitted) == list(range(len(frames)))
    assert not buffer._packets.keys() - {max(buffer._packets, default=0)}


class Network:
    """Loses and delays packets and requests; both are answered, 30 frames per second are sent."""

    def __init__(self, seed: int, *, loss: float, jitter: float, blackout: float, rtt: float) -> None:
        self.chance = random.Random(seed)
        self.loss, self.jitter, self.rtt = loss, jitter, rtt
        self.dark = (1.0, 1.0 + blackout)
        self.sender = Sender(number=self.chance.randint(0, 0xFFFF))
        self.buffer = buffer_with_rtt(rtt)
        self.history: dict[int, Packet] = {}
        self.events: list[tuple[float, int, Callable[[], list[BufferedFrame]]]] = []
        self.count = 0
        self.now = 0.0
        self.wants_key = True
        self.emitted: list[tuple[float, BufferedFrame]] = []

    def after(self, delay: float, event: Callable[[], list[BufferedFrame]]) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + delay, self.count, event))

    def lost(self) -> bool:
        return self.dark[0] <= self.now < self.dark[1] or self.chance.random() < self.loss

    def transmit(self, packet: Packet, rtx: bool) -> None:
        if not self.lost():
            delay = self.rtt / 2 + self.chance.random() * self.jitter
            self.after(delay, lambda: add(self.buffer, packet, self.now, rtx))

    def send_frame(self) -> list[BufferedFrame]:
        size, padding = self.chance.randint(1, 5), self.chance.choice([0, 0, 0, 1])
        for packet in self.sender.frame(size, self.wants_key, padding):
            self.history[packet.number] = packet
            self.transmit(packet, False)
        self.wants_key = False
        return []

    def answer(self, wanted: Wanted) -> list[BufferedFrame]:
        self.wants_key |= wanted.pli
        for number in wanted.nack:
            self.transmit(self.history[number], True)
        return []

    def poll(self) -> None:
        if self.buffer.waiting(self.now):
            wanted, frames = self.buffer.poll(self.now)
            self.emitted += [(self.now, frame) for frame in frames]
            if (wanted.nack or wanted.pli) and not self.lost():
                self.after(self.rtt / 2, lambda: self.answer(wanted))

    def run(self, seconds: float) -> None:
        """Send frames for so long, and give the last one time to arrive."""
        start = self.now
        for index in range(int(seconds * 30)):
            self.after(index / 30, self.send_frame)
        for index in range(int((seconds + 0.5) * 100)):
            self.after(index / 100, list)
        while self.events and self.now < start + seconds + 0.5:
            self.now, _, event = heapq.heappop(self.events)
            self.emitted += [(self.now, frame) for frame in event()]
            self.poll()
            assert len(self.buffer._packets) <= CAPACITY + 1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    loss=st.sampled_from([0.02, 0.1, 0.4]),
    jitter=st.sampled_from([0.0, 0.03]),
    blackout=st.sampled_from([0.0, 0.3, 1.5]),
    rtt=st.sampled_from([0.01, 0.1, 0.3]),
)
@pytest.mark.slow
def test_loss_never_breaks_decoding_and_heals(
    seed: int, loss: float, jitter: float, blackout: float, rtt: float
) -> None:
    """Both directions lose packets for 3 s; then the network is perfect, and a second later all is well."""
    network = Network(seed, loss=loss, jitter=jitter, blackout=blackout, rtt=rtt)
    network.run(3.0)
    network.loss = 0.0
    network.run(2.5)
    sent = len(network.sender.frames)
    indices = network.sender.check([frame for _, frame in network.emitted])
    assert indices[-30:] == list(range(sent - 30, sent))


def test_a_frame_is_emitted_on_its_marker_bit() -> None:
    sender, buffer = Sender(), buffer_with_rtt()
    first, second = sender.frame(2, True)
    assert add(buffer, first, 0.0) == []
    assert [frame.data for frame in add(buffer, second, 0.001)] == [b"0.0;0.1;"]


def test_nack_is_sent_at_once_and_repeated() -> None:
    sender, buffer = Sender(), buffer_with_rtt(0.1)
    packets = sender.frame(3, True)
    add(buffer, packets[0], 0.0)
    add(buffer, packets[2], 0.0)
    asked = [now for now in range(0, 120, 5) if buffer.poll(now / 1000)[0].nack == [packets[1].number]]
    assert len(asked) == 5
    assert all(25 <= b - a <= 30 for a, b in pairwise(asked))
    assert [frame.data for frame in add(buffer, packets[1], 0.14, rtx=True)] == [b"0.0;0.1;0.2;"]
    assert not buffer.waiting(0.14)


@pytest.mark.parametrize(("requests", "weight"), [(1, 1 / 4), (3, 1 / 8)])
def test_the_round_trip_is_that_of_the_first_request(requests: int, weight: float) -> None:
    sender, buffer = Sender(), buffer_with_rtt(0.02)
    packets = sender.frame(3, True)
    add(buffer, packets[0], 0.0)
    add(buffer, packets[2], 0.0)
    for attempt in range(requests):
        assert buffer.poll(attempt * 0.02)[0].nack
    add(buffer, packets[1], 0.1, rtx=True)
    assert buffer._round_trip.seconds == pytest.approx(0.02 + (0.1 - 0.02) * weight)


def test_an_estimate_that_is_too_low_grows() -> None:
    """Requests are then repeated long before the answer, so that none has a single request."""
    network = Network(1, loss=0.05, jitter=0.0, blackout=0.0, rtt=0.1)
    network.buffer = buffer_with_rtt(0.005)
    network.run(10.0)
    assert network.buffer._round_trip.seconds == pytest.approx(0.1, rel=0.3)


def test_a_late_original_says_nothing_about_the_round_trip() -> None:
    sender, buffer = Sender(), buffer_with_rtt(0.1)
    packets = sender.frame(3, True)
    add(buffer, packets[0], 0.0)
    add(buffer, packets[2], 0.0)
    buffer.poll(0.0)
    add(buffer, packets[1], 0.001)
    assert buffer._round_trip.seconds == 0.1


@pytest.mark.parametrize(("rtt", "deadline"), [(0.01, MIN_DEADLINE), (0.1, 0.4)])
def test_after_the_deadline_a_buffered_keyframe_is_next(rtt: float, deadline: float) -> None:
    sender, buffer = Sender(), buffer_with_rtt(rtt)
    emitted = add(buffer, sender.frame(1, True)[0], 0.0)
    sender.frame(1, False)  # lost
    for key in (False, True, False):
        emitted += add(buffer, sender.frame(1, key)[0], 0.0)
    assert len(emitted) == 1
    assert buffer.poll(deadline - 0.01)[1] == []
    emitted += buffer.poll(deadline + 0.01)[1]
    assert sender.check(emitted) == [0, 3, 4]
    assert buffer.counters.gave_up == 1
    assert buffer.counters.lost == 1


def test_without_a_keyframe_pli_is_repeated_while_packets_come() -> None:
    sender, buffer = Sender(), buffer_with_rtt(0.02)
    add(buffer, sender.frame(1, True)[0], 0.0)
    sender.frame(1, False)  # lost
    plis = []
    for step in range(1, 60):
        now = step * 0.02
        emitted = add(buffer, sender.frame(1, False)[0], now)
        assert not emitted
        if buffer.poll(now)[0].pli:
            plis.append(now)
    assert plis[0] == pytest.approx(MIN_DEADLINE, abs=0.04)
    intervals = [after - before for before, after in pairwise(plis)]
    assert intervals == pytest.approx([PLI_INTERVAL] * 4, abs=0.021)
    assert buffer.waiting(1.2)
    assert not buffer.waiting(10.0)
    assert [frame.keyframe for frame in add(buffer, sender.frame(1, True)[0], 10.0)] == [True]


def test_a_stream_that_begins_with_a_delta_frame_asks_for_a_keyframe() -> None:
    sender, buffer = Sender(), buffer_with_rtt()
    assert add(buffer, sender.frame(1, False)[0], 0.0) == []
    assert buffer.poll(0.0)[0].pli


def test_request_keyframe_withholds_until_one_comes() -> None:
    sender, buffer = Sender(), buffer_with_rtt()
    emitted = add(buffer, sender.frame(1, True)[0], 0.0)
    buffer.request_keyframe()
    emitted += add(buffer, sender.frame(1, False)[0], 0.03)
    assert buffer.poll(0.03)[0].pli
    emitted += add(buffer, sender.frame(1, True)[0], 0.06)
    assert sender.check(emitted) == [0, 2]


def test_h264_keyframe_begins_with_its_parameter_sets() -> None:
    """SPS and IDR both say so; after a loss the earlier of them is the place."""
    sender, buffer = Sender(), buffer_with_rtt(0.01)
    emitted = add(buffer, sender.frame(1, True)[0], 0.0)
    sender.frame(1, False)  # lost
    for packet in sender.frame(3, True):
        emitted += add(buffer, packet._replace(key=True), 0.01)
    emitted += buffer.poll(0.2)[1]
    assert sender.check(emitted) == [0, 2]
