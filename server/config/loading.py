"""Fills in a Config from a TOML file, the environment and the command line; says what is wrong where."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from yarl import URL

from server.config.options import PICTURES, Config, IceServer, Option
from server.core.errors import ConfigError
from server.core.messages import background_id

PREFIX = "GREENROOM_"
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
MAX_PORT = 65_535  # 16 bits, RFC 768
LARGEST = 2**53
"""Of all numbers; a float holds every whole one up to it."""
SHOWN = 40  # characters of a wrong number
ICE_URL = re.compile(
    r"stuns?:[\w.-]+(:\d{1,5})?|turns?:([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?(\?transport=(udp|tcp))?"
)
"""RFC 7064, 7065; aiortc knows no STUN server by an IPv6 address."""
ICE_SERVER = ("urls", "username", "credential")


class _Wrong(ValueError):
    """A value is not what it must be. The value is in the message, but not in `must`."""

    def __init__(self, must: str, value: object) -> None:
        super().__init__(f"{must}, not {value!r}")
        self.must = must


class Setting(NamedTuple):
    """One field of Config."""

    name: str
    kind: Any
    default: Any
    section: str
    about: Option

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()


@cache
def options() -> dict[str, Setting]:
    """Return every option by name, in the order in which they are explained."""
    hints, defaults = get_type_hints(Config, include_extras=True), Config()
    found, section = dict[str, Setting](), ""
    for name in (field.name for field in dataclasses.fields(Config)):
        kind, *notes = get_args(hints[name]) if get_origin(hints[name]) is Annotated else (hints[name],)
        about = next((note for note in notes if isinstance(note, Option)), Option(""))
        section = about.section or section
        found[name] = Setting(name, kind, getattr(defaults, name), section, about)
    return found


def load(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    arguments: Mapping[str, object] | None = None,
) -> Config:
    """Return the configuration; arguments win over the environment, which wins over the file.

    `arguments` are values or, as on a command line, strings. Raises ConfigError.
    """
    settings: dict[str, Any] = {}
    if file is not None:
        settings |= _settings(str(file), _read(file))
    variables = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in (environment or {}).items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() in options()
    }
    settings |= _settings("environment", variables, PREFIX)
    settings |= _settings("command line", arguments or {})
    config = Config(**settings)
    _check(config)
    return config


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, no UTF-8, numbers of too many digits
        raise ConfigError(f"{file}: {error}") from error


def _settings(where: str, values: Mapping[str, object], prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        shown = f"{where}: {prefix}{name.upper() if prefix else name}"
        option = options().get(name)
        if option is None:
            raise ConfigError(f"{shown}: there is no such option")
        try:
            found[name] = _convert(option, value)
        except (ValueError, RecursionError) as error:
            reason = error.must if isinstance(error, _Wrong) and option.about.secret else str(error)
            raise ConfigError(f"{shown}: {reason}") from None  # the cause may show a secret
    return found


def _convert(option: Setting, value: object) -> object:
    converted = _of_kind(option.kind, value)
    if option.about.choices and converted not in option.about.choices:
        raise _Wrong(f"must be one of {', '.join(option.about.choices)}", value)
    if isinstance(converted, int | float) and not converted >= option.about.at_least:
        raise _Wrong(f"must be at least {option.about.at_least:g}", value)
    match option.name, converted:
        case "trusted_proxies", tuple(networks):
            for network in networks:
                ipaddress.ip_network(network, strict=False)
        case "port", int(port) if port > MAX_PORT:
            raise _Wrong(f"must be at most {MAX_PORT}", value)
        case "public_address", str(address) if address:
            _expect_address(address)
        case "forward_to" | "public_url", str(url) if url:
            _expect_url(url)
        case "background", str(name):
            return _background(name)
        case "effects", str(names) if names:
            _expect_effects(names)
        case "follow", str(target) if target:
            _expect_target(target)
    return converted


def _expect_address(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise _Wrong("must be an IP address", address) from None


def _expect_url(url: str) -> None:
    try:
        good = URL(url).scheme in ("http", "https") and URL(url).host
    except ValueError:
        good = False
    if not good:
        raise _Wrong("must be an http:// or https:// URL", url)


def _background(name: str) -> str:
    from filters.backgrounds.background import parse_background  # takes a second
    from filters.base import FilterError

    name = background_id(name)
    try:
        parse_background(name, PICTURES)
    except FilterError as error:
        raise ValueError(str(error)) from None
    return name


def _expect_effects(names: str) -> None:
    from filters.base import FilterError
    from filters.effects import parse_effects  # takes a second

    try:
        parse_effects(names)
    except FilterError as error:
        raise ValueError(str(error)) from None


def _expect_target(target: str) -> None:
    from filters.base import FilterError
    from filters.matting.follow import parse_target  # takes a second

    try:
        parse_target(target)
    except FilterError as error:
        raise ValueError(str(error)) from None


def _of_kind(kind: Any, value: object) -> object:  # noqa: ANN401 - a type annotation
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
        raise _Wrong("must be text", value)
    return value


def _bool(value: object) -> bool:
    if isinstance(value, str) and value.lower() in TRUE + FALSE:
        return value.lower() in TRUE
    if not isinstance(value, bool):
        raise _Wrong("must be true or false", value)
    return value


def _number(kind: type[int] | type[float], value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Wrong("must be a number", value)
    if kind is int and isinstance(value, float):
        raise _Wrong("must be a whole number", value)
    what = f"must be a {'whole ' if kind is int else ''}number"
    try:
        number = kind(value)
    except (ValueError, OverflowError):  # OverflowError: 10 ** 400 as a float
        raise _Wrong(what, str(value)[:SHOWN]) from None
    if abs(number) > LARGEST:
        raise _Wrong(f"{what} of at most {LARGEST:g}", str(value)[:SHOWN])
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
        raise _Wrong("must be a first and a last port", value)
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
        raise _Wrong(
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


def _check(config: Config) -> None:
    """Refuse options that contradict each other."""
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError("tls_certificate and tls_key: give both or none")
    relays = [server for server in config.ice_servers if any(url.startswith("turn") for url in server.urls)]
    if config.turn_secret and not relays:
        raise ConfigError("turn_secret: there is no TURN server in ice_servers")
    for relay in relays:
        if not (relay.credential if relay.username else config.turn_secret):
            raise ConfigError("ice_servers: a TURN server needs username and credential, or turn_secret")
    if config.janus_server:
        _check_janus(config)


def _check_janus(config: Config) -> None:
    if not config.janus_server.startswith(("ws://", "wss://")):
        raise ConfigError(f"janus_server: must be a ws:// or wss:// URL, not {config.janus_server!r}")
    if not (config.janus_private and config.janus_public):
        raise ConfigError("janus_private and janus_public: give both")
    if config.janus_private == config.janus_public:
        raise ConfigError(
            "janus_public: must be another room than janus_private, whose cameras are not filtered"
        )


def explain() -> Iterator[str]:
    """Yield the lines of a TOML file with every option, its meaning and its default, commented out."""
    section = ""
    for option in options().values():
        if option.section != section:
            section = option.section
            yield f"\n## {section}"
        choices = f" One of: {', '.join(option.about.choices)}." if option.about.choices else ""
        yield f"\n# {option.about.meaning}{choices}"
        yield f"# {option.variable}"
        yield f"#{option.name} = {_toml(option.default)}"


def effective(config: Config) -> Iterator[str]:
    """Yield the lines of a TOML file with what differs from the defaults; secrets are left out."""
    for option in options().values():
        value = getattr(config, option.name)
        if value != option.default:
            yield f"{option.name} = {_toml('(secret)' if option.about.secret else value)}"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case IceServer():
            username = f", username = {json.dumps(value.username)}" if value.username else ""
            credential = ', credential = "(secret)"' if value.credential else ""
            return f"{{ urls = {json.dumps(value.urls)}{username}{credential} }}"
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            return "{}"
        case None:
            return '""'
        case _:
            return json.dumps(str(value))
