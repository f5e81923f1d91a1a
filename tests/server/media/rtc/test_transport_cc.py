"""Feedback packets, read back by a parser written from the draft."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.media.rtc.transport_cc import (
    MAX_READ,
    ArrivalLog,
    FeedbackLimit,
    build_feedback,
    read_feedback,
    reading_cost,
    split,
    status_count,
)

REFERENCE_WRAP = (1 << 24) * 64_000


def parse(packet: bytes) -> tuple[int, int, int, list[int | None]]:
    """Read section 3.1 of the draft: media SSRC, feedback packet count, base, arrivals in µs."""
    flags, kind, length = struct.unpack_from("!BBH", packet)
    assert (flags >> 6, flags & 31, kind, len(packet)) == (2, 15, 205, 4 * (length + 1))
    body = packet[4 : len(packet) - (packet[-1] if flags & 0x20 else 0)]
    _, media_ssrc, base, count, reference = struct.unpack_from("!LLHHL", body)
    at = 16
    symbols: list[int] = []
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", body, at)
        at += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13] * (chunk & 0x1FFF)
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    assert not any(symbols[count:])
    time = (reference >> 8) * 64_000
    arrivals: list[int | None] = []
    for symbol in symbols[:count]:
        if symbol == 0:
            arrivals.append(None)
            continue
        (ticks,) = struct.unpack_from("!B" if symbol == 1 else "!h", body, at)
        at += symbol
        time += ticks * 250
        arrivals.append(time)
    assert at == len(body)
    return media_ssrc, reference & 0xFF, base, arrivals


def check(arrivals: list[int | None], read: list[int | None]) -> None:
    """Assert that times agree to a tick, modulo the 24-bit reference time."""
    start = next(time for time in arrivals if time is not None)
    start = start // 64_000 * 64_000
    for sent, got in zip(arrivals, read, strict=True):
        assert (sent is None) == (got is None)
        if sent is not None and got is not None:
            assert 0 <= (sent - start) - (got - start % REFERENCE_WRAP) < 250


@pytest.mark.slow
def test_random_packets_read_back() -> None:
    chance = random.Random(1)
    for _ in range(3000):
        time = chance.randint(0, 2 * REFERENCE_WRAP)
        loss = chance.choice([0, 0.1, 0.8])
        arrivals: list[int | None] = []
        for _ in range(chance.randint(1, 120)):
            time = max(0, time + chance.choice([10, 200, 1000, 40_000, 70_000, 200_000, -3000]))
            arrivals.append(time if chance.random() >= loss else None)
        if any(time is not None for time in arrivals):
            packet = build_feedback(1, 7, 300, 65_530, arrivals)
            media_ssrc, count, base, read = parse(packet)
            assert (media_ssrc, count, base) == (7, 300 & 0xFF, 65_530)
            check(arrivals, read)
            ours = read_feedback(packet)
            start = ours.reference * 64_000
            assert ours.base == base
            assert [time if time is None else start + time for time in ours.arrivals] == read


@given(st.binary(max_size=60))
def test_anything_is_read_or_refused(body: bytes) -> None:
    """And never for more packets than a connection sends in a while."""
    for flags in (0x8F, 0xAF):
        packet = struct.pack("!BBH", flags, 205, len(body) // 4) + body
        try:
            feedback = read_feedback(packet)
        except ValueError:
            continue
        assert len(feedback.arrivals) <= MAX_READ


@pytest.mark.parametrize(
    "statuses",
    [
        struct.pack("!H", 0x2000),  # an empty run, which would never end
        struct.pack("!H", 0x6004),  # a status that is reserved
        struct.pack("!H", 0x2004),  # four packets without a time
        b"",
    ],
)
def test_nonsense_is_refused(statuses: bytes) -> None:
    body = struct.pack("!LLHHL", 1, 2, 4, 4, 1 << 8) + statuses
    with pytest.raises(ValueError, match="feedback"):
        read_feedback(struct.pack("!BBH", 0x8F, 205, 5) + body)


def test_too_many_statuses_are_refused() -> None:
    body = struct.pack("!LLHHLHHHH", 1, 2, 4, 65_535, 1 << 8, *[0x1FFF] * 4)
    with pytest.raises(ValueError, match="65535 packets"):
        read_feedback(struct.pack("!BBH", 0x8F, 205, 6) + body)


def test_feedback_is_taken_out_of_a_compound() -> None:
    feedback = build_feedback(1, 2, 3, 4, [64_000])
    report = struct.pack("!BBHL", 0x80, 201, 1, 1)
    nack = struct.pack("!BBHLLHH", 0x81, 205, 3, 1, 2, 7, 0)
    assert split(report + feedback + nack + feedback) == ([feedback, feedback], report + nack)
    assert split(report + feedback[:-4]) == ([], report + feedback[:-4])
    assert split(b"\x80\xc9") == ([], b"\x80\xc9")


def test_example_bytes() -> None:
    """Three packets 1 ms apart and one lost between them, by hand."""
    packet = build_feedback(1, 2, 3, 4, [64_000, 65_000, None, 66_000])
    chunk = 0x8000 | 0b1101 << 10
    body = struct.pack("!LLHHLH", 1, 2, 4, 4, 1 << 8 | 3, chunk) + bytes([0, 4, 4]) + b"\0\0\3"
    assert packet == struct.pack("!BBH", 0xAF, 205, len(body) // 4) + body


@settings(max_examples=150, deadline=None)
@given(
    start=st.integers(0, 0xFFFF),
    steps=st.lists(st.tuples(st.integers(-3, 30), st.integers(-2000, 60_000)), min_size=1, max_size=200),
    flush_every=st.integers(1, 50),
)
@pytest.mark.slow
def test_log_reports_each_arrival_once(start: int, steps: list[tuple[int, int]], flush_every: int) -> None:
    """Lost, reordered and wrapping numbers: all arrivals are reported, once, and nothing else as received."""
    log, number, time, arrived = ArrivalLog(1), start, 10**9, dict[int, int]()
    reported: dict[int, int] = {}

    def flush() -> None:
        for packet in log.feedback():
            _, _, base, read = parse(packet)
            for offset, got in enumerate(read):
                if got is not None:
                    assert (base + offset) & 0xFFFF not in reported
                    reported[(base + offset) & 0xFFFF] = got

    for index, (step, gap) in enumerate(steps):
        number, time = number + step, time + gap
        if number & 0xFFFF not in arrived:
            arrived[number & 0xFFFF] = time
            log.add(number & 0xFFFF, time, 9)
        if index % flush_every == 0:
            flush()
    flush()
    assert log.feedback() == []
    assert reported.keys() == arrived.keys()
    assert all(0 <= arrived[key] % REFERENCE_WRAP - reported[key] < 250 for key in arrived)


def test_log_survives_a_long_silence_and_a_jump() -> None:
    """Neither fits the 16-bit deltas or is worth thousands of statuses: each begins another packet."""
    log = ArrivalLog(1)
    for number, time in ((1, 0), (2, 60_000_000), (30_000, 60_001_000), (5, 60_002_000)):
        log.add(number, time, 9)
    reports = [parse(packet) for packet in log.feedback()]
    assert [(base, len(arrivals)) for _, _, base, arrivals in reports] == [(1, 1), (2, 4), (30_000, 1)]
    assert [count for _, count, _, _ in reports] == [0, 1, 2]


def test_numbers_that_leap_do_not_cost_a_status_each() -> None:
    """A sender could have 500 statuses written for each of its packets; all arrivals are told of nevertheless."""
    log = ArrivalLog(1)
    numbers = range(0, 125 * 499, 499)
    for number in numbers:
        log.add(number, 400 * number, 9)
    reports = [parse(packet) for packet in log.feedback()]
    told = [base + i for _, _, base, read in reports for i, time in enumerate(read) if time is not None]
    assert told == list(numbers)
    assert sum(len(read) for _, _, _, read in reports) < 125 + 1500
    log.add(numbers[-1] + 400, 0, 9)
    assert [len(parse(packet)[3]) for packet in log.feedback()] == [400]


def test_reading_feedback_costs_no_more_than_is_useful() -> None:
    lost = struct.pack("!BBHLLHHLHxx", 0x80 | 15, 205, 5, 1, 2, 0, 1024, 0, 1024)
    assert len(read_feedback(lost).arrivals) == status_count(lost) == 1024
    limit = FeedbackLimit()
    assert sum(limit.allows(status_count(lost), now / 1000) for now in range(1000)) <= 25
    honest = FeedbackLimit()
    assert all(honest.allows(150, now / 20) for now in range(1000))
    assert status_count(b"") == 0


def test_a_nack_costs_what_it_asks_for() -> None:
    report = struct.pack("!BBHL", 0x80, 201, 1, 1)
    nack = struct.pack("!BBHLLHH", 0x81, 205, 3, 1, 2, 7, 0xFFFF)
    assert reading_cost(b"") == 0
    assert reading_cost(report + nack) == len(report + nack) + 17
    assert reading_cost(report + nack[:6]) == len(report) + 6 + 17
