"""Session descriptions that stay within every limit and are made to cost as much as they can, or that are broken."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

LENGTH = 64 * 1024
"""Characters of a description, as Config.max_sdp has it."""


def _filled(sdp: str, line: Callable[[int], str], length: int) -> str:
    """Append lines, numbered, until the description is as long as it may be."""
    lines, size, number = [sdp.rstrip("\r\n")], len(sdp) + 2, 0
    while size + len(text := line(number)) + 2 < length:
        lines.append(text)
        size += len(text) + 2
        number += 1
    return "\r\n".join(lines) + "\r\n"


LINES: dict[str, Callable[[int], str]] = {
    "candidates": lambda i: (
        f"a=candidate:{i} 1 udp 2130706431 10.{i // 65000}.{i // 250 % 256}.{i % 250 + 1} 1024 typ host"
    ),
    "mdns-candidates": lambda i: f"a=candidate:{i} 1 udp 1 {i}.local 1024 typ host",
    "ipv6-candidates": lambda i: f"a=candidate:{i} 1 udp 1 2001:db8::{i:x} 1024 typ host",
    "codecs": lambda i: f"a=rtpmap:{i % 128} VP8/90000",
    "parameters": lambda i: f"a=fmtp:{i % 128} packetization-mode=1;profile-level-id=42e01f;apt={i % 128}",
    "feedback": lambda i: "a=rtcp-fb:* nack pli",
    "streams": lambda i: f"a=ssrc:{i} cname:x",
    "groups-of-streams": lambda i: f"a=ssrc-group:FID {i} {i + 1}",
    "extensions": lambda i: f"a=extmap:{i % 14 + 1} urn:{i}",
    "fingerprints": lambda i: "a=fingerprint:sha-256 " + ":".join(["4E"] * 32),
    "sections": lambda i: (
        f"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=mid:s{i}" if i < 200 else "a=x"
    ),
    "short-lines": lambda i: "a=mid" if i < 7000 else "x" * 1000,
    "nothing": lambda i: "a" if i < 7000 else "x" * 1000,
}


def hostile(sdp: str, length: int = LENGTH) -> Iterator[tuple[str, str]]:
    """Yield names and descriptions of at most `length` characters, each a good one with too much of something."""
    for name, line in LINES.items():
        yield name, _filled(sdp, line, length)
    room = length - len(sdp) - 40
    for name, start, filling in (
        ("long-fmtp", "a=fmtp:97 ", "a=1;"),
        ("long-group", "a=group:BUNDLE", " 0"),
        ("long-sprop", "a=fmtp:97 sprop-parameter-sets=", "Z0LA,"),
        ("long-number", "a=rtpmap:", "9"),
        ("long-candidate", "a=candidate:", "1 "),
        ("long-section", "m=video 9 UDP/TLS/RTP/SAVPF", " 96"),
        ("long-extmap", "a=extmap:1 ", "x "),
    ):
        yield name, sdp.rstrip("\r\n") + "\r\n" + start + filling * (room // len(filling)) + "\r\n"
    yield "members", sdp.replace("a=group:BUNDLE", "a=group:LS" + " 0" * 100 + "\r\na=group:BUNDLE", 1)


def mutated(sdp: str, chance: random.Random, others: Sequence[str]) -> str:
    """Return an offer with lines lost, repeated, moved, cut, joined with those of others, or with rubbish in them."""
    lines = sdp.splitlines()
    foreign = chance.choice(others).splitlines()
    for _ in range(chance.randint(1, 6)):
        i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                lines[i] = ""
            case 1:
                lines[i:i] = [lines[j]] * chance.choice((1, 3, 300))
            case 2:
                lines[i], lines[j] = lines[j], lines[i]
            case 3:
                lines[i] = lines[i][: chance.randrange(len(lines[i]) + 1)]
            case 4:
                lines[i] = "".join(
                    c if chance.random() > 0.1 else chr(chance.randrange(1, 0x250)) for c in lines[i]
                )
            case 5:
                lines[i] = "".join(c * 40 if c.isdigit() and chance.random() < 0.2 else c for c in lines[i])
            case 6:
                lines.insert(i, chance.choice(foreign))
            case 7:
                lines[i] = lines[i].replace(chance.choice(" :/;="), chance.choice(" :/;=\t,"), 1)
    return chance.choice(("\r\n", "\n", "\r")).join(lines)
