"""From what a file, the environment or a command line holds to a value of an option's type."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from server.config.options import IceServer

TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
MAX_PORT = 65_535  # 16 bits, RFC 768
LARGEST = 2**53
"""Of all numbers; a float holds every whole one up to it."""
SHOWN = 40  # characters of a wrong number; chosen
ICE_URL = re.compile(
    r"stuns?:[\w.-]+(:\d{1,5})?|turns?:([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?(\?transport=(udp|tcp))?"
)
"""RFC 7064, 7065; aiortc knows no STUN server by an IPv6 address."""
ICE_SERVER = ("urls", "username", "credential")
LETS_IN = re.compile(r"(?<=://)[^/?#]*(?=@)|^(?!.*://).*(?=@)|(?<=\?).+", re.DOTALL)
"""What may let one in: before the host of an address (RFC 3986, section 3), of one without a scheme, too; the query."""


class WrongValue(ValueError):
    """A value is not what it must be. The value is in the message, but not in `must`."""

    def __init__(self, must: str, value: object) -> None:
        super().__init__(f"{must}, not {value!r}")
        self.must = must


def redacted(address: str) -> str:
    """Return an address, which may be none, without what may let one in."""
    return LETS_IN.sub("(secret)", address)


def of_kind(kind: Any, value: object) -> object:  # noqa: ANN401 - a type annotation
    """Return a value, which may be text as on a command line, as one of an option's type; raise ValueError."""
    if kind is bool:
        return _bool(value)
    if kind in (int, float):
        return _number(kind, value)
    if kind is str:
        return _string(value)
    if get_origin(kind) is UnionType:  # Path | None
        return Path(_string(value)).expanduser() if value != "" else None
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), value)
    return _table(value)


def _string(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        raise WrongValue("must be text", value)
    return value


def _bool(value: object) -> bool:
    if isinstance(value, str) and value.lower() in TRUE + FALSE:
        return value.lower() in TRUE
    if not isinstance(value, bool):
        raise WrongValue("must be true or false", value)
    return value


def _number(kind: type[int] | type[float], value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongValue("must be a number", value)
    if kind is int and isinstance(value, float):
        raise WrongValue("must be a whole number", value)
    what = f"must be a {'whole ' if kind is int else ''}number"
    try:
        number = kind(value)
    except (ValueError, OverflowError):  # OverflowError: 10 ** 400 as a float
        raise WrongValue(what, str(value)[:SHOWN]) from None
    if abs(number) > LARGEST:
        raise WrongValue(f"{what} of at most {LARGEST:g}", str(value)[:SHOWN])
    return number


def _tuple(kinds: tuple[Any, ...], value: object) -> tuple[object, ...]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"must be a JSON list: {error}") from None
    if kinds[0] is int:
        return _ports(value)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, Sequence):
        raise ValueError("must be a list")
    if kinds[0] is IceServer:
        return tuple(_ice_server(item) for item in value)
    return tuple(_string(item) for item in value)


def _ports(value: object) -> tuple[int, int]:
    """Read a range of ports: [50000, 50100] or "50000-50100"."""
    parts = value.split("-") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or len(parts) != 2:
        raise WrongValue("must be a first and a last port", value)
    first, last = (int(_number(int, part)) for part in parts)
    if not (first == last == 0 or 0 < first <= last <= MAX_PORT):
        raise ValueError(f"must be a range between 1 and {MAX_PORT}, not {first} to {last}")
    return first, last


def _ice_server(value: object) -> IceServer:
    """Read an RTCIceServer (WebRTC, section 4.2.2), or just its URL. Errors show no more than URLs."""
    table = {"urls": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        raise ValueError("must be a list of URLs, or of tables with urls")
    unknown = set(table) - set(ICE_SERVER)
    if unknown:
        raise ValueError(
            f"an ICE server has no {', '.join(sorted(map(str, unknown)))}, but {', '.join(ICE_SERVER)}"
        )
    urls = [table["urls"]] if isinstance(table.get("urls"), str) else table.get("urls")
    if not isinstance(urls, Sequence) or not urls:
        raise ValueError("must be a table with urls")
    for url in urls:
        _expect_ice_url(url)
    if not all(isinstance(table.get(name), str | None) for name in ("username", "credential")):
        raise ValueError("username and credential must be text")
    return IceServer(list(urls), table.get("username"), table.get("credential"))


def _expect_ice_url(url: object) -> None:
    if not isinstance(url, str) or not url.startswith(("stun:", "stuns:", "turn:", "turns:")):
        raise ValueError("must be a stun: or turn: URL, as in turn:turn.example.org:3478")
    if not ICE_URL.fullmatch(url):
        raise WrongValue(
            "must be a URL as in stun:stun.example.org or turn:turn.example.org:3478?transport=udp", url
        )


def _table(value: object) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, Mapping):
        raise ValueError('must be a table of texts, as in {"2026": "2026.pem"}')
    return {_string(key): _string(item) for key, item in value.items()}
