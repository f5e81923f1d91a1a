"""The codecs of a media section that this server carries, as an answer names them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import ParametersDict, RTCRtcpFeedback, RTCRtpCodecParameters

from server.media.codec.frames import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE

from .lines import Attributes, number

Carried = Mapping[str, tuple[str, ...]]
"""Names of codecs, in lower case, by the kind of media."""

CARRIED: Carried = {"audio": ("opus",), "video": ("vp8", "h264")}
NAMES = {"opus": "opus", "vp8": "VP8", "h264": "H264"}
LABELS = {"opus": "Opus", "vp8": "VP8", "h264": "H.264"}
CLOCK_RATE = {"audio": AUDIO_CLOCK_RATE, "video": VIDEO_CLOCK_RATE}
STATIC = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "18": "G729"}
"""Payload types without an rtpmap (RFC 3551, section 6)."""
REPAIR = ("rtx", "red", "ulpfec", "flexfec-03")
FEEDBACK = ("nack", "nack pli", "goog-remb", "transport-cc")
PAYLOAD_TYPES = frozenset((*range(64), *range(96, 128)))
"""With RTCP on the same port 64 to 95 can't be told from it (RFC 5761, section 4)."""
MAX_CODECS = 16
"""Of one section; Chrome has nine variants of VP8 and H.264."""
DECODED_PROFILES = (0x42, 0x4D, 0x64)
"""Baseline, Main, High: profile_idc of what FFmpeg decodes to 8 bits of 4:2:0."""
PROFILE = re.compile(r"[0-9A-Fa-f]{6}")
NAL_SPS, NAL_PPS = 7, 8  # NAL unit types, ITU-T H.264, table 7-1
MAX_PARAMETER_SETS = 4096  # bytes; a set has some thirty


@dataclass(frozen=True, slots=True)
class _Format:
    """One payload type of a section."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int
    parameters: Mapping[str, str]


class Codecs(NamedTuple):
    """What a section offers of what is carried: codecs with their retransmissions, in the peer's order."""

    codecs: tuple[RTCRtpCodecParameters, ...]
    parameter_sets: Mapping[int, bytes]
    """H.264 parameter sets (Annex B) that come in the description, by payload type (RFC 6184, section 8.1)."""
    names: tuple[str, ...]
    """Of every codec that the section offers, carried or not, for people."""


def read_codecs(kind: str, formats: Iterable[str], attributes: Attributes, carried: Carried) -> Codecs:
    """Choose among the formats of an m-line."""
    known = _formats(formats, attributes)
    accepted = [f for f in known if f.name.lower() in carried.get(kind, ()) and _decodable(kind, f)]
    accepted = accepted[:MAX_CODECS]
    repairs: dict[int, _Format] = {}
    for each in known:
        base = number(each.parameters.get("apt", ""), 127)
        if each.name.lower() == "rtx" and base is not None and each.clock_rate == CLOCK_RATE[kind]:
            repairs.setdefault(base, each)
    feedback = _feedback(attributes)
    codecs: list[RTCRtpCodecParameters] = []
    for each in accepted:
        codecs.append(_codec(kind, each, feedback))
        if each.payload_type in repairs:
            codecs.append(_retransmission(kind, repairs[each.payload_type], each.payload_type))
    sets = {f.payload_type: parameter_sets(f.parameters.get("sprop-parameter-sets", "")) for f in accepted}
    names = tuple(dict.fromkeys(_describe(f) for f in known if f.name.lower() not in REPAIR))
    return Codecs(tuple(codecs), {key: value for key, value in sets.items() if value}, names)


def _formats(formats: Iterable[str], attributes: Attributes) -> list[_Format]:
    """Return the formats that can be told apart from RTCP and have a name."""
    maps = dict(_pair(value) for value in reversed(attributes.all("rtpmap")))
    parameters: dict[str, dict[str, str]] = {}
    for value in attributes.all("fmtp"):
        key, text = _pair(value)
        parameters.setdefault(key, {}).update(read_parameters(text))
    found = []
    for key in dict.fromkeys(formats):
        payload_type = number(key, 127)
        name, *rest = maps.get(key, STATIC.get(key, "")).split("/")
        if payload_type not in PAYLOAD_TYPES or payload_type is None or not name.strip():
            continue
        clock_rate = number(rest[0].strip(), 1_000_000) if rest else 8000
        channels = number(rest[1].strip(), 255) if len(rest) > 1 else 1
        found.append(
            _Format(payload_type, name.strip()[:16], clock_rate or 0, channels or 1, parameters.get(key, {}))
        )
    return found


def _describe(format_: _Format) -> str:
    """Return the name of a codec, and what may be wrong with it."""
    if format_.name.lower() != "h264":
        return format_.name
    details = (format_.parameters.get(name, "-")[:16] for name in ("profile-level-id", "packetization-mode"))
    return f"H264 ({', '.join(details)})"


def _pair(value: str) -> tuple[str, str]:
    key, _, text = value.replace("\t", " ").partition(" ")
    return key, text.strip()


def read_parameters(text: str) -> dict[str, str]:
    """Read the format-specific parameters of an fmtp, `key=value` between semicolons with any white space."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {key.strip().lower(): value.strip() for key, _, value in pairs if key.strip()}


def _decodable(kind: str, format_: _Format) -> bool:
    if format_.clock_rate != CLOCK_RATE[kind]:
        return False
    if format_.name.lower() != "h264":
        return True
    profile = format_.parameters.get("profile-level-id", "42000a")  # the default (RFC 6184, section 8.1)
    modes = ("0", "1")  # the interleaved mode has packets of its own, which nobody sends
    return (
        PROFILE.fullmatch(profile) is not None
        and int(profile[:2], 16) in DECODED_PROFILES
        and format_.parameters.get("packetization-mode", "0") in modes
    )


def _codec(kind: str, format_: _Format, feedback: Mapping[str, list[str]]) -> RTCRtpCodecParameters:
    offered = feedback.get(str(format_.payload_type), []) + feedback.get("*", [])
    chosen = [known for known in FEEDBACK if known in offered] if kind == "video" else []
    if kind == "audio" and "transport-cc" in offered:
        chosen = ["transport-cc"]
    return RTCRtpCodecParameters(
        mimeType=f"{kind}/{NAMES[format_.name.lower()]}",
        clockRate=format_.clock_rate,
        channels=format_.channels if kind == "audio" else None,
        payloadType=format_.payload_type,
        rtcpFeedback=[RTCRtcpFeedback(*text.split(" ", 1)) for text in chosen],
        parameters=_answered(format_),
    )


def _answered(format_: _Format) -> ParametersDict:
    """Return what both sides have to say alike (RFC 6184, section 8.2.2), as the peer says it."""
    if format_.name.lower() != "h264":
        return {}
    names = ("level-asymmetry-allowed", "packetization-mode", "profile-level-id")
    return {name: format_.parameters[name][:16] for name in names if name in format_.parameters}


def _retransmission(kind: str, format_: _Format, base: int) -> RTCRtpCodecParameters:
    return RTCRtpCodecParameters(
        mimeType=f"{kind}/rtx",
        clockRate=format_.clock_rate,
        payloadType=format_.payload_type,
        parameters={"apt": base},
    )


def _feedback(attributes: Attributes) -> dict[str, list[str]]:
    """Return what feedback is offered by payload type, `*` for all of them (RFC 4585, section 4.2)."""
    found: dict[str, list[str]] = {}
    for value in attributes.all("rtcp-fb"):
        key, text = _pair(value)
        text = " ".join(text.split())
        if text in FEEDBACK and text not in found.setdefault(key, []):
            found[key].append(text)
    return found


def sent_codec(codecs: Sequence[RTCRtpCodecParameters]) -> RTCRtpCodecParameters | None:
    """Return the codec to send under: the peer's first, of H.264 the one that is closest to what is encoded.

    That is Constrained Baseline in fragments; packetization mode 0 has none.
    """
    able = [codec for codec in codecs if not is_rtx(codec) and _has_fragments(codec)]
    same = [codec for codec in able if codec.name == able[0].name]
    return next((codec for codec in same if _is_baseline(codec)), same[0] if same else None)


def _has_fragments(codec: RTCRtpCodecParameters) -> bool:
    return codec.name != "H264" or codec.parameters.get("packetization-mode") == "1"


def _is_baseline(codec: RTCRtpCodecParameters) -> bool:
    return codec.name == "H264" and str(codec.parameters.get("profile-level-id", "42")).startswith("42")


def parameter_sets(text: str) -> bytes:
    """Return the H.264 parameter sets of an sprop-parameter-sets as Annex B, b"" when they are none."""
    if not text or len(text) > MAX_PARAMETER_SETS:
        return b""
    units = []
    for part in text.split(","):
        try:
            unit = base64.b64decode(part, validate=True)
        except (binascii.Error, ValueError):
            return b""
        if unit and unit[0] & 0x1F in (NAL_SPS, NAL_PPS):
            units.append(b"\0\0\0\1" + unit)
    return b"".join(units)
