"""ICE candidates of a peer (RFC 8839, section 5.1): which of them can be tried."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from aiortc import RTCIceCandidate

from .lines import MAX_PORT, number

MAX_CANDIDATES = 32
"""That are taken from one peer, as many as can be paired; browsers with VPNs and two TURN servers have some twenty."""
MAX_NAME = 255
"""Characters of a host name (RFC 1035)."""
MAX_FOUNDATION = 32  # characters, RFC 8839, 5.1
MAX_PRIORITY = (1 << 31) - 1  # RFC 8445, 5.1.2
TYPES = ("host", "srflx", "relay", "prflx")
FIELDS = 8  # that every candidate has, with the word `typ`, RFC 8839, 5.1


def read_candidate(line: str) -> RTCIceCandidate:
    """Read a candidate-attribute without `candidate:`; raise ValueError for what is none.

    A text may be one and no use all the same: see `usable`.
    """
    fields = line.split(None, 4 * FIELDS)
    if len(fields) < FIELDS or fields[6].lower() != "typ" or fields[7].lower() not in TYPES:
        raise ValueError(
            "a candidate has a foundation, component, transport, priority, address, port and type"
        )
    component, priority = number(fields[1], 256), number(fields[3], MAX_PRIORITY)
    port = number(fields[5], MAX_PORT)
    if component is None or priority is None or port is None:
        raise ValueError("there is no such component, priority or port")
    if len(fields[0]) > MAX_FOUNDATION or len(fields[4]) > MAX_NAME:
        raise ValueError("its foundation or address is too long")
    foundation, protocol, kind = fields[0], fields[2].lower(), fields[7].lower()
    return RTCIceCandidate(component, foundation, fields[4], port, priority, protocol, kind)


def usable(candidate: RTCIceCandidate) -> bool:
    """Tell whether it can be paired: UDP, the one component that there is, an address or an mDNS name."""
    if candidate.protocol != "udp" or candidate.component != 1 or not candidate.port:
        return False
    return is_mdns(candidate) or _is_address(candidate.ip)


def is_mdns(candidate: RTCIceCandidate) -> bool:
    """Tell whether its address is a name to be asked for on the local network (RFC 8828)."""
    return candidate.ip.lower().endswith(".local")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def read_candidates(lines: Iterable[str]) -> list[RTCIceCandidate]:
    """Return the usable candidates, at most MAX_CANDIDATES; what can't be read is passed over (RFC 8839)."""
    found: list[RTCIceCandidate] = []
    for count, line in enumerate(lines):
        if len(found) == MAX_CANDIDATES or count == 4 * MAX_CANDIDATES:
            break
        try:
            candidate = read_candidate(line)
        except ValueError:
            continue
        if usable(candidate):
            found.append(candidate)
    return found
