"""A peer's offer or answer, read once: what of it is carried, and over which transport."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aiortc import RTCIceCandidate
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters

from server.core.errors import SdpError, UnsupportedSdpError

from .candidates import read_candidates
from .codecs import CARRIED, LABELS, Carried, read_codecs
from .lines import DIRECTIONS, Attributes, Lines, MediaLine, is_token, number, split

ROLES = {"actpass": "auto", "active": "client", "passive": "server"}
DIGESTS = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
"""Bytes of the fingerprints that certificates are compared by."""
MAX_EXTENSION_ID = 14
"""Of the one-byte form (RFC 8285, section 4.2); an extension with a higher one is not accepted."""


@dataclass(frozen=True, slots=True)
class Section:
    """One media section; it is rejected, alone, when it has a problem."""

    kind: str
    mid: str
    protocol: str
    format: str
    """The first one, which stands for all when the section is rejected."""
    direction: str
    named: bool = True
    """Whether the mid is the peer's own."""
    codecs: tuple[RTCRtpCodecParameters, ...] = ()
    extensions: tuple[RTCRtpHeaderExtensionParameters, ...] = ()
    ssrcs: tuple[int, ...] = ()
    """The stream's and that of its retransmissions, as far as they are announced."""
    layered: bool = False
    """Whether simulcast is offered; an answer without it asks for the first layer only (RFC 9429, section 5.3.1)."""
    parameter_sets: Mapping[int, bytes] = field(default_factory=dict)
    problem: str = ""

    @property
    def carried(self) -> bool:
        """Whether its media is carried."""
        return not self.problem


class Transport(NamedTuple):
    """What everything that is bundled goes over."""

    ice: RTCIceParameters
    dtls: RTCDtlsParameters
    candidates: tuple[RTCIceCandidate, ...]
    complete: bool
    """Whether there will be no more candidates."""


@dataclass(frozen=True, slots=True)
class RemoteDescription:
    """What a peer says, as far as it is understood."""

    type: str
    """offer or answer."""
    sections: tuple[Section, ...]
    transport: Transport | None
    """None for an answer that rejects everything."""
    bundled: bool
    """Whether the peer bundles (RFC 9143)."""

    @property
    def carried(self) -> list[Section]:
        """The sections whose media is carried."""
        return [section for section in self.sections if section.carried]

    @property
    def ufrag(self) -> str:
        """The ICE username fragment, which stands for the ICE session; "" where there is none."""
        return self.transport.ice.usernameFragment or "" if self.transport is not None else ""

    def section(self, mid: str | None, index: int | None) -> Section | None:
        """Return the section that a candidate belongs to, by its mid or its index."""
        if mid is not None:
            return next((section for section in self.sections if section.mid == mid), None)
        if index is not None and 0 <= index < len(self.sections):
            return self.sections[index]
        return None


def read(sdp: str, kind: str, carried: Carried = CARRIED) -> RemoteDescription:
    """Read a description of a peer; `carried` are the codecs to choose from.

    Raises SdpError, and UnsupportedSdpError for an offer of which nothing can be carried. Time is linear in the
    length of the text, which the caller limits.
    """
    lines = split(sdp)
    mids = _mids(lines)
    group = _bundle_group(lines.session, mids)
    sections = [
        _section(lines.session, media, attributes, mid, kind, carried)
        for mid, (media, attributes) in zip(mids, lines.sections, strict=True)
    ]
    sections = _share_a_transport(sections, lines, group, kind)
    accepted = [section for section in sections if section.carried]
    if kind == "offer" and not accepted:
        raise UnsupportedSdpError("; ".join(dict.fromkeys(section.problem for section in sections[:4])) + ".")
    transport = _transport(lines, mids, group, {s.mid for s in accepted}, kind) if accepted else None
    return RemoteDescription(kind, tuple(sections), transport, group is not None)


def _mids(lines: Lines) -> list[str]:
    """Return the mid of each section, made up where there is none (RFC 9429, section 5.10)."""
    given = [attributes.first("mid") for _, attributes in lines.sections]
    if not all(is_token(mid) for mid in given if mid):
        raise SdpError("A mid has at most 256 printable characters.")
    if len(set(filter(None, given))) < len(list(filter(None, given))):
        raise SdpError("Two media sections have the same mid.")
    taken = set(given)
    spare = iter([name for i in range(2 * len(given)) if (name := str(i)) not in taken])
    return [mid or next(spare) for mid in given]


def _bundle_group(session: Attributes, mids: Sequence[str]) -> list[str] | None:
    """Return the mids of the first group of bundled sections, None when the peer does not bundle."""
    known = set(mids)
    for value in session.all("group"):
        semantics, *members = value.split() or [""]
        if not known.issuperset(members):
            raise SdpError("A group is of a section that is not there.")
        if semantics == "BUNDLE":
            return members
    return None


def _section(
    session: Attributes, media: MediaLine, attributes: Attributes, mid: str, kind: str, carried: Carried
) -> Section:
    codecs = read_codecs(media.kind, media.formats, attributes, carried) if media.kind in carried else None
    directions = [name for source in (attributes, session) for name in source if name in DIRECTIONS]
    section = Section(
        media.kind,
        mid,
        media.protocol,
        media.formats[0],
        directions[0] if directions else "sendrecv",  # RFC 8866, section 6.7
        "mid" in attributes,
        codecs.codecs if codecs else (),
        _extensions([*attributes.all("extmap"), *session.all("extmap")]),
        _ssrcs(attributes),
        "simulcast" in attributes or any(v.startswith("SIM") for v in attributes.all("ssrc-group")),
        codecs.parameter_sets if codecs else {},
        _problem(media, attributes, kind, codecs and (codecs.codecs, codecs.names), carried),
    )
    return section


def _problem(
    media: MediaLine,
    attributes: Attributes,
    kind: str,
    codecs: tuple[Sequence[object], Sequence[str]] | None,
    carried: Carried,
) -> str:
    """Say why a section is rejected; "" when it is not."""
    if codecs is None:
        return "Only audio and video are carried"
    if media.port == 0 and (kind == "answer" or "bundle-only" not in attributes):
        return f"The {media.kind} section is disabled by its port 0"
    if "SAVP" not in media.protocol:
        return f"The {media.kind} section is not protected by DTLS-SRTP"
    _expect_unified_plan(media.kind, attributes)
    if not codecs[0]:
        known, offered = (" or ".join(LABELS[name] for name in carried[media.kind]), ", ".join(codecs[1][:8]))
        return f"The {media.kind} section has to have {known}; it has {offered or 'no codec'}"
    return ""


def _expect_unified_plan(kind: str, attributes: Attributes) -> None:
    values = (value.split(None, 1) for value in attributes.all("ssrc"))
    streams = {value[1].strip() for value in values if len(value) > 1 and value[1].startswith("msid:")}
    if len(streams) > 1:
        raise UnsupportedSdpError(
            f"The {kind} section has several tracks (Plan B); each needs a section of its own (Unified Plan)."
        )


def _extensions(values: Iterable[str]) -> tuple[RTCRtpHeaderExtensionParameters, ...]:
    """Read header extensions (RFC 8285, section 5) with ids of the one-byte form; the first of each counts."""
    by_uri: dict[str, int] = {}
    taken: set[int] = set()
    for value in values:
        identity, *rest = value.split(None, 2) or [""]
        identity, _, direction = identity.partition("/")
        extension = number(identity, MAX_EXTENSION_ID)
        if not extension or not rest or direction == "inactive" or extension in taken or rest[0] in by_uri:
            continue
        taken.add(extension)
        by_uri[rest[0]] = extension
    return tuple(RTCRtpHeaderExtensionParameters(extension, uri) for uri, extension in by_uri.items())


def _ssrcs(attributes: Attributes) -> tuple[int, ...]:
    """Return the SSRC of the first stream, and of its retransmissions (RFC 5576, RFC 4588)."""
    groups = [value.split() for value in attributes.all("ssrc-group") if value]
    announced = [value.split(None, 1)[0] for value in attributes.all("ssrc") if value]
    layers = next((group[1:] for group in groups if group[0] == "SIM" and len(group) > 1), announced)
    if not layers:
        return ()
    pair = next((g[1:] for g in groups if g[0] == "FID" and len(g) == 3 and g[1] == layers[0]), layers[:1])
    ssrcs = tuple(number(text, (1 << 32) - 1) for text in pair)
    return tuple(ssrc for ssrc in ssrcs if ssrc is not None) if None not in ssrcs else ()


def _share_a_transport(
    sections: list[Section], lines: Lines, group: list[str] | None, kind: str
) -> list[Section]:
    """Reject what is not on the one transport that there is (RFC 9429, section 5.3.1, max-bundle)."""
    if group is not None:
        inside = set(group)
    elif kind == "answer":  # to an offer of ours, which has no other transport
        return sections
    else:
        able = [section for section in sections if section.carried]
        able.sort(key=lambda section: section.kind != "video")
        inside = {section.mid for section in able[:1]}
    problem = "Everything has to go over one transport, by a=group:BUNDLE"
    return [s if not s.carried or s.mid in inside else _rejected(s, problem) for s in sections]


def _rejected(section: Section, problem: str) -> Section:
    return Section(
        section.kind,
        section.mid,
        section.protocol,
        section.format,
        section.direction,
        section.named,
        problem=problem,
    )


def _transport(
    lines: Lines, mids: Sequence[str], group: list[str] | None, accepted: set[str], kind: str
) -> Transport:
    """Read the transport of the first section of the bundle (RFC 9143, section 7), or of whoever says it."""
    by_mid = {mid: attributes for mid, (_, attributes) in zip(mids, lines.sections, strict=True)}
    order = [*(group or ())[:1], *(mid for mid in mids if mid in accepted), *(group or ())]
    sources = [*(by_mid[mid] for mid in dict.fromkeys(order)), lines.session]
    ufrag, password = _credentials(sources, lines.session)
    bundled = [source for source in sources if source.first("ice-ufrag") in ("", ufrag)]
    candidates = [value for source in bundled for value in source.all("candidate")]
    setup = next((s.first("setup").lower() for s in sources if "setup" in s), "active")  # RFC 4145, section 4
    role = ROLES.get(setup)
    if role is None:
        raise SdpError("The setup attribute is actpass, active or passive.")
    return Transport(
        RTCIceParameters(ufrag, password, iceLite="ice-lite" in lines.session),
        RTCDtlsParameters(_fingerprints(sources), "client" if kind == "answer" and role == "auto" else role),
        tuple(read_candidates(candidates)),
        any("end-of-candidates" in source for source in bundled),
    )


def _credentials(sources: Iterable[Attributes], session: Attributes) -> tuple[str, str]:
    for source in sources:
        pair = [source.first(name) or session.first(name) for name in ("ice-ufrag", "ice-pwd")]
        if all(pair):
            if not all(map(is_token, pair)):
                raise SdpError("ICE credentials have at most 256 printable characters.")
            return pair[0], pair[1]
    raise SdpError("There are no ICE credentials: a=ice-ufrag and a=ice-pwd.")


def _fingerprints(sources: Iterable[Attributes]) -> list[RTCDtlsFingerprint]:
    """Return the fingerprints of the first source that has some; one of them has to be understood."""
    values = next((source.all("fingerprint") for source in sources if "fingerprint" in source), [])
    if not values:
        raise SdpError("There is no fingerprint of the certificate: a=fingerprint.")
    found = []
    for value in values[:8]:
        digest, _, text = value.partition(" ")
        size = DIGESTS.get(digest.lower())
        if size is not None and len(text.strip()) == 3 * size - 1:
            found.append(RTCDtlsFingerprint(digest.lower(), text.strip()))
    if not found:
        raise UnsupportedSdpError(f"The fingerprint is one of {', '.join(DIGESTS)}.")
    return found
