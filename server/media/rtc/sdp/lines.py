"""The lines of a session description (RFC 8866), sorted by section and attribute. Pure, and linear in their number."""

from __future__ import annotations

from typing import NamedTuple

from server.core.errors import SdpError

MAX_LINES = 8192
"""Eight times what a browser answers in a room of sixteen; a millisecond of work for each thousand."""
MAX_SECTIONS = 256  # chosen: sixteen participants with audio, video and a screen make 48
MAX_PORT = 65535  # 16 bits, RFC 768
MAX_TOKEN = 256
"""Characters of a mid, of ICE credentials (RFC 8839, section 5.4)."""
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
NAMES = frozenset(
    (
        *DIRECTIONS,
        *("group", "mid", "setup", "fingerprint", "ice-ufrag", "ice-pwd", "ice-lite", "candidate"),
        *(
            "end-of-candidates",
            "extmap",
            "rtpmap",
            "fmtp",
            "rtcp-fb",
            "ssrc",
            "ssrc-group",
            "bundle-only",
            "simulcast",
        ),
    )
)
"""Every attribute that is read."""


class Attributes(dict[str, list[str]]):
    """Values of the attributes of the session or of one section, by name; "" for those without a value."""

    def all(self, name: str) -> list[str]:
        """Return the values of an attribute in their order."""
        return self.get(name, [])

    def first(self, name: str) -> str:
        """Return the first value of an attribute, or ""."""
        return self.all(name)[0] if name in self else ""

    def read(self, line: str) -> None:
        """Take a line that begins with `a=`."""
        name, _, value = line[2:].partition(":")
        name = name.strip()
        if name in NAMES:
            self.setdefault(name, []).append(value.strip())


class MediaLine(NamedTuple):
    """An m-line (RFC 8866, section 5.14)."""

    kind: str
    port: int
    protocol: str
    formats: list[str]


class Lines(NamedTuple):
    """Attributes of the session, and m-line and attributes of each section."""

    session: Attributes
    sections: list[tuple[MediaLine, Attributes]]


def number(text: str, limit: int) -> int | None:
    """Return a number of decimal digits from 0 to `limit`, else None."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(limit))):
        return None
    value = int(text)
    return value if value <= limit else None


def is_token(text: str) -> bool:
    """Tell whether a text can stand in an answer as it is: printable characters, and not too many."""
    return 0 < len(text) <= MAX_TOKEN and all("!" <= c <= "~" for c in text)


def split(sdp: str) -> Lines:
    """Sort the lines, whatever ends them; raise SdpError when there are too many, or no section."""
    if sdp.count("\n") > MAX_LINES:
        raise SdpError(f"A session description has at most {MAX_LINES} lines.")
    session = present = Attributes()
    sections: list[tuple[MediaLine, Attributes]] = []
    for line in sdp.replace("\r", "\n").split("\n"):
        if line.startswith("a="):
            present.read(line)
        elif line.startswith("m="):
            present = Attributes()
            sections.append((_media_line(line), present))
    if not 0 < len(sections) <= MAX_SECTIONS:
        raise SdpError(f"Expected 1 to {MAX_SECTIONS} media sections, got {len(sections)}.")
    return Lines(session, sections)


def _media_line(line: str) -> MediaLine:
    kind, *rest = line[2:].split()[:131] or [""]  # 128 payload types
    port = number(rest[0].partition("/")[0], MAX_PORT) if len(rest) > 2 else None
    if port is None or not all(is_token(text) for text in (kind, rest[1], rest[2])):
        raise SdpError("A media section begins with its kind, port, protocol and formats.")
    return MediaLine(kind, port, rest[1], rest[2:])
