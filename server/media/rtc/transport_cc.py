"""Transport-wide congestion control feedback, written and read. Pure: arrivals in, RTCP packets out, and back.

draft-holmer-rmcat-transport-wide-cc-extensions-01. Times are microseconds of any clock that goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import pack, unpack_from
from typing import NamedTuple

from server.core.token_bucket import TokenBucket

from .clocks import Unwrapper

URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
INTERVAL = 0.05
"""Seconds between feedback packets while media arrives, as libwebrtc has it at ordinary rates."""

TICK = 250  # µs of a receive delta, section 3.1.5 of that draft
REFERENCE = 64_000  # µs of the reference time's unit, section 3.1
RTPFB, FORMAT = 205, 15  # packet type, RFC 4585, 6.1; feedback message type, section 3.1
NOT_RECEIVED, SMALL_DELTA, LARGE_DELTA = 0, 1, 2  # status symbols, section 3.1.1
MAX_RUN = 0x1FFF  # statuses: 13 bits, section 3.1.3
MAX_STATUSES = 400  # in one packet that is written; chosen, to fit a datagram
MAX_REPORTED_GAP = 500  # sequence numbers; a jump by as many is a new start; chosen
MAX_HOLES = (
    2 * MAX_REPORTED_GAP
)  # numbers looked for in vain in one INTERVAL; after that any gap is a new start
MAX_READ = 1024  # statuses of one packet that is read; chosen
MAX_BURST, MAX_STATUS_RATE = 4096, 20_000
"""Statuses read at once, and in a second: ten times what sixteen participants make, and some milliseconds of work."""
PACKET_COST = 16
"""Statuses that a packet costs besides its own."""
NACK_COST = 17
"""Packets that four bytes of a NACK ask for at most (RFC 4585, section 6.2.1); each costs as much as a status."""
MAX_DELTA = 8_000_000  # µs: a large delta has 16 bits with sign, ticks up to 8.19 s


def build_feedback(
    sender_ssrc: int, media_ssrc: int, count: int, base: int, arrivals: Sequence[int | None]
) -> bytes:
    """Return the RTCP packet that reports numbers base, base + 1, …: arrival in µs, or None for lost.

    At least one must have arrived, and neighbours must be less than 8 s apart. `count` numbers the packets.
    """
    reference = next(time for time in arrivals if time is not None) // REFERENCE
    symbols, deltas = _deltas(arrivals, reference * REFERENCE)
    body = pack(
        "!LLHHL",
        sender_ssrc,
        media_ssrc,
        base & 0xFFFF,
        len(arrivals),
        (reference & 0xFFFFFF) << 8 | count & 0xFF,
    )
    body += b"".join(_chunks(symbols)) + deltas
    padding = -len(body) % 4
    if padding:
        body += bytes(padding - 1) + bytes((padding,))
    return pack("!BBH", 0x80 | (0x20 if padding else 0) | FORMAT, RTPFB, len(body) // 4) + body


def _deltas(arrivals: Sequence[int | None], last: int) -> tuple[list[int], bytes]:
    """Status symbols and receive deltas; the rounded time is carried on, so that errors don't add up."""
    symbols: list[int] = []
    deltas = bytearray()
    for time in arrivals:
        if time is None:
            symbols.append(NOT_RECEIVED)
            continue
        ticks = (time - last) // TICK
        last += ticks * TICK
        if 0 <= ticks <= 255:
            symbols.append(SMALL_DELTA)
            deltas.append(ticks)
        else:
            symbols.append(LARGE_DELTA)
            deltas += pack("!h", ticks)
    return symbols, bytes(deltas)


def _chunks(symbols: Sequence[int]) -> Iterator[bytes]:
    """Run-length chunks where they are shorter than the status vectors they replace."""
    at = 0
    while at < len(symbols):
        run = _run_length(symbols, at)
        if run >= 14 or (run >= 7 and at + run == len(symbols)):
            yield pack("!H", symbols[at] << 13 | run)
            at += run
            continue
        vector = symbols[at : at + 14]
        if LARGE_DELTA in vector:
            vector = vector[:7]
            bits = sum(symbol << (12 - 2 * i) for i, symbol in enumerate(vector))
            yield pack("!H", 0xC000 | bits)
        else:
            bits = sum(symbol << (13 - i) for i, symbol in enumerate(vector))
            yield pack("!H", 0x8000 | bits)
        at += len(vector)


def _run_length(symbols: Sequence[int], at: int) -> int:
    end = at
    while end < len(symbols) and symbols[end] == symbols[at] and end - at < MAX_RUN:
        end += 1
    return end - at


class Feedback(NamedTuple):
    """What one packet reports: numbers `base`, `base` + 1, … as they arrived, in µs of the peer's clock, or did not."""

    base: int
    """16 bits."""
    reference: int
    """What the times begin with: multiples of 64 ms, 24 bits."""
    arrivals: list[int | None]
    """From `reference` on; None for lost."""


def read_feedback(packet: bytes) -> Feedback:
    """Undo build_feedback; raises ValueError. Numbers and times go on modulo their bits."""
    if len(packet) < 20:
        raise ValueError("the feedback is truncated")
    body = packet[4 : len(packet) - (packet[-1] if packet[0] & 0x20 else 0)]
    if len(body) < 16:
        raise ValueError("the feedback is nothing but padding")
    base, count, reference = unpack_from("!HHL", body, 8)
    if count > MAX_READ:
        raise ValueError(f"feedback for {count} packets")
    symbols, at = _read_chunks(body, count)
    time, arrivals = 0, list[int | None]()
    for symbol in symbols:
        if symbol == NOT_RECEIVED:
            arrivals.append(None)
            continue
        if symbol > LARGE_DELTA or at + symbol > len(body):
            raise ValueError("the feedback lacks a time")
        time += TICK * int(unpack_from("!B" if symbol == SMALL_DELTA else "!h", body, at)[0])
        at += symbol
        arrivals.append(time)
    return Feedback(base, reference >> 8, arrivals)


def status_count(packet: bytes) -> int:
    """Return how many packets a feedback packet claims to tell of."""
    return packet[14] << 8 | packet[15] if len(packet) > 15 else 0


def reading_cost(compound: bytes) -> int:
    """Return what a compound RTCP packet costs at most, in statuses: one for each byte, and what NACKs ask for."""
    cost, at = len(compound), 0
    while at + 4 <= len(compound):
        words = compound[at + 2] << 8 | compound[at + 3]
        if compound[at + 1] == RTPFB:
            cost += NACK_COST * max(0, words - 2)  # without the two SSRCs
        at += 4 + 4 * words
    return cost


class FeedbackLimit:
    """Bounds what reading a peer's RTCP may cost, whatever it claims. Time is passed in, in seconds."""

    def __init__(self) -> None:
        self._budget = TokenBucket(MAX_BURST, MAX_STATUS_RATE)

    def allows(self, count: int, now: float) -> bool:
        """Tell whether to read what costs as much as feedback on `count` packets at `now`; counts it if so."""
        return self._budget.take(count + PACKET_COST, now)


def _read_chunks(body: bytes, count: int) -> tuple[list[int], int]:
    """Return `count` status symbols and where they end."""
    symbols: list[int] = []
    at = 16
    while len(symbols) < count:
        if at + 2 > len(body):
            raise ValueError("the feedback lacks a status")
        chunk = body[at] << 8 | body[at + 1]
        at += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13] * min(chunk & MAX_RUN, count - len(symbols))
            if not chunk & MAX_RUN:
                raise ValueError("the feedback has an empty run")
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    return symbols[:count], at


def split(compound: bytes) -> tuple[list[bytes], bytes]:
    """Return the feedback packets of a compound RTCP packet, and the compound without them."""
    feedback, rest, at = [], b"", 0
    while at + 4 <= len(compound):
        end = at + 4 + 4 * (compound[at + 2] << 8 | compound[at + 3])
        packet = compound[at:end]
        if packet[1] == RTPFB and packet[0] & 31 == FORMAT and end <= len(compound):
            feedback.append(packet)
        else:
            rest += packet
        at = end
    return feedback, rest + compound[at:]


class ArrivalLog:
    """Transport-wide sequence numbers as they arrive on one transport, turned into feedback on request."""

    def __init__(self, sender_ssrc: int) -> None:
        self._ssrc = sender_ssrc
        self._media_ssrc = 0
        self._count = 0
        self._unwrap = Unwrapper(16)
        self._arrivals: dict[int, int] = {}
        self._next: int | None = None
        self._holes = MAX_HOLES

    def add(self, number: int, time: int, media_ssrc: int) -> None:
        """Note a packet's 16-bit transport-wide sequence number and its arrival in µs."""
        self._arrivals.setdefault(self._unwrap(number), time)
        self._media_ssrc = media_ssrc

    def feedback(self) -> list[bytes]:
        """Return the RTCP packets that report everything that has arrived since the last call.

        The media SSRC is that of the latest packet: Chromium ignores feedback for an SSRC it does not own.
        """
        packets = []
        self._holes = MAX_HOLES
        while self._arrivals:
            base, arrivals = self._next_report()
            packets.append(build_feedback(self._ssrc, self._media_ssrc, self._count, base, arrivals))
            self._count += 1
        return packets

    def _next_report(self) -> tuple[int, list[int | None]]:
        first = min(self._arrivals)
        if self._next is None or abs(first - self._next) >= max(1, min(MAX_REPORTED_GAP, self._holes)):
            self._next = first  # the sender has started again
        if first < self._next:  # late: what follows it has been reported already
            return first, [self._arrivals.pop(first)]
        base, number = self._next, self._next
        last = self._arrivals[first]
        highest = max(self._arrivals)
        report: list[int | None] = []
        while number <= first or (number <= highest and len(report) < MAX_STATUSES and self._holes):
            time = self._arrivals.get(number)
            if time is None:
                self._holes -= 1
            else:
                if abs(time - last) > MAX_DELTA:
                    break
                last = time
                del self._arrivals[number]
            report.append(time)
            number += 1
        while report[-1] is None:
            report.pop()
        self._next = base + len(report)
        return base, report
