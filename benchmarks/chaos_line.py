"""What becomes of a camera's packets on their way to the server, before they are encrypted. Pure, by seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

HEADER = struct.Struct("!BBHLL")  # RFC 3550, section 5.1
EXTENDED, PADDED, MARKED = 0x10, 0x20, 0x80  # bits of the first two bytes; RFC 3550, section 5.1
LONGEST = 1300
"""Bytes of a packet; SRTP has to fit into a datagram besides; chosen."""

Change = Callable[[random.Random, bytes], bytes]


def payload_at(packet: bytes) -> int:
    """Return where the payload begins."""
    at = HEADER.size + 4 * (packet[0] & 15)
    if packet[0] & EXTENDED:
        at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big")
    return at


def _corrupt(rng: random.Random, packet: bytes) -> bytes:
    at, damaged = payload_at(packet), bytearray(packet)
    for _ in range(rng.randrange(1, 30)):
        if at < len(damaged):
            damaged[rng.randrange(at, len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def _truncate(rng: random.Random, packet: bytes) -> bytes:
    return packet[: rng.randrange(payload_at(packet), len(packet) + 1)]


def _empty(rng: random.Random, packet: bytes) -> bytes:
    return packet[: payload_at(packet)]


def _descriptor(rng: random.Random, packet: bytes) -> bytes:
    at = payload_at(packet)
    return packet[:at] + rng.randbytes(rng.randrange(1, 8)) + packet[at + rng.randrange(5) :]


def _pad(rng: random.Random, packet: bytes) -> bytes:
    count = rng.randrange(1, 256)
    end = bytes(count - 1) + bytes((rng.choice((count, count, 0, 255)),))
    return bytes((packet[0] | PADDED,)) + packet[1:] + end


def _marker(rng: random.Random, packet: bytes) -> bytes:
    return packet[:1] + bytes((packet[1] ^ MARKED,)) + packet[2:]


def _extensions(rng: random.Random, packet: bytes) -> bytes:
    damaged = bytearray(packet)
    for at in range(HEADER.size, payload_at(packet)):
        if rng.random() < 0.2:
            damaged[at] = rng.randrange(256)
    return bytes(damaged)


def _payload_type(rng: random.Random, packet: bytes) -> bytes:
    return packet[:1] + bytes((packet[1] & MARKED | rng.randrange(128),)) + packet[2:]


CHANGES: dict[str, Change] = {
    "corrupt": _corrupt,
    "truncate": _truncate,
    "empty": _empty,
    "descriptor": _descriptor,
    "pad": _pad,
    "marker": _marker,
    "extensions": _extensions,
    "payload type": _payload_type,
}


class Line:
    """Drops, repeats, reorders and changes packets. Rates are probabilities, per packet, in [0, 1]."""

    def __init__(self, rng: random.Random) -> None:
        self.rates: dict[str, float] = {}
        """By names of CHANGES, or `drop`, `burst`, `repeat`, `reorder`."""
        self.number = 0
        """Added to sequence numbers."""
        self.time = 0
        """Added to RTP timestamps."""
        self.source = 0
        """Added to SSRCs."""
        self._rng = rng
        self._lost = 0
        self._held: list[bytes] = []

    def pass_on(self, packets: list[bytes]) -> list[bytes]:
        """Return what goes out now."""
        out: list[bytes] = []
        for packet in packets:
            if self._loses():
                continue
            changed = self._changed(packet)
            if self._hits("reorder"):
                self._held.append(changed)
                continue
            out += [changed] * (1 + self._hits("repeat"))
        if self._held and not self._hits("reorder"):
            out += self._held
            self._held = []
        return out

    def _hits(self, name: str) -> bool:
        rate = self.rates.get(name)
        return rate is not None and self._rng.random() < rate

    def _loses(self) -> bool:
        if self._lost:
            self._lost -= 1
            return True
        if self._hits("burst"):
            self._lost = self._rng.randrange(5, 60)
        return self._hits("drop")

    def _changed(self, packet: bytes) -> bytes:
        for name in list(self.rates):
            if name in CHANGES and self._hits(name):
                packet = CHANGES[name](self._rng, packet)
        first, second, number, time, source = HEADER.unpack_from(packet)
        numbers = (number + self.number) & 0xFFFF, (time + self.time) & 0xFFFFFFFF
        header = HEADER.pack(first, second, *numbers, (source + self.source) & 0xFFFFFFFF)
        return (header + packet[HEADER.size :])[:LONGEST]
