"""Fragments of session descriptions that carry ICE candidates: application/trickle-ice-sdpfrag (RFC 8840)."""

from __future__ import annotations

import re
from typing import NamedTuple

from server.core.errors import FragmentError

MEDIA_TYPE = "application/trickle-ice-sdpfrag"
MAX_CANDIDATES = 100  # of one fragment; chosen
UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839, section 5.4
PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
MID = re.compile(r"[!-~]{1,32}")


class Candidate(NamedTuple):
    """One candidate-attribute, without `a=`, and the media section that it belongs to."""

    mid: str | None
    line: str


class Fragment(NamedTuple):
    """What a fragment says; `end` when there will be no more candidates."""

    ufrag: str
    password: str
    candidates: tuple[Candidate, ...] = ()
    end: bool = False


def parse(text: str) -> Fragment:
    """Read a fragment; raise FragmentError. Lines that RFC 8840 has no meaning for are ignored.

    ICE credentials may stand at the session or the media level, but with bundled media there is one pair.
    """
    values: dict[str, set[str]] = {"ice-ufrag": set(), "ice-pwd": set()}
    candidates, mid, end = list[Candidate](), None, False
    for line in text.splitlines():
        if line.startswith("m="):
            mid = None
        if not line.startswith("a="):
            continue
        name, _, value = line[2:].strip().partition(":")
        if name in values:
            values[name].add(value)
        elif name == "mid":
            mid = _expect(MID, value, "mid")
        elif name == "candidate":
            candidates.append(Candidate(mid, f"candidate:{value}"))
        elif name == "end-of-candidates":
            end = True
    if len(candidates) > MAX_CANDIDATES:
        raise FragmentError(f"more than {MAX_CANDIDATES} candidates")
    ufrag, password = (_only(values[name], name) for name in ("ice-ufrag", "ice-pwd"))
    return Fragment(
        _expect(UFRAG, ufrag, "ice-ufrag"), _expect(PASSWORD, password, "ice-pwd"), tuple(candidates), end
    )


def _only(values: set[str], name: str) -> str:
    if len(values) != 1:
        raise FragmentError(f"there must be one {name}")
    return values.pop()


def _expect(pattern: re.Pattern[str], value: str, name: str) -> str:
    if not pattern.fullmatch(value):
        raise FragmentError(f"this is no {name}")
    return value


def serialize(fragment: Fragment, kind: str, mid: str) -> str:
    """Write a fragment for the first media section of a bundle, which is of that kind."""
    lines = [
        f"a=ice-ufrag:{fragment.ufrag}",
        f"a=ice-pwd:{fragment.password}",
        f"m={kind} 9 UDP/TLS/RTP/SAVPF 0",
        f"a=mid:{mid}",
        *(f"a={candidate.line}" for candidate in fragment.candidates),
        *(["a=end-of-candidates"] if fragment.end else []),
    ]
    return "".join(line + "\r\n" for line in lines)


def credentials(sdp: str) -> tuple[str, str]:
    """Return the ICE ufrag and password of a session description; raise FragmentError when there are several."""
    fragment = parse("\n".join(line for line in sdp.splitlines() if line.startswith("a=ice-")))
    return fragment.ufrag, fragment.password
