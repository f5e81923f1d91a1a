"""Session descriptions that stay within every limit and are made to cost as much as they can."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
