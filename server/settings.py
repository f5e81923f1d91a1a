"""Fills in a Config from a TOML file, the environment and the command line; says what is wrong where."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from aiortc import RTCIceServer

from server.config import Config, Option

PREFIX = "GREENROOM_"
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
MAX_PORT = 65_535


class ConfigError(Exception):
    """An option can't be used; the message names where it was set, its name and the reason."""


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{shown}: {error}") from error
    return found


def _convert(option: Setting, value: object) -> object:
    converted = _of_kind(option.kind, value)
    if option.about.choices and converted not in option.about.choices:
        raise ValueError(f"must be one of {', '.join(option.about.choices)}, not {value!r}")
    if isinstance(converted, int | float) and not converted >= option.about.at_least:
        raise ValueError(f"must be at least {option.about.at_least:g}, not {value!r}")
    if option.name == "trusted_proxies" and isinstance(converted, tuple):
        for network in converted:
            ipaddress.ip_network(network, strict=False)
    if option.name == "port" and isinstance(converted, int) and converted > MAX_PORT:
        raise ValueError(f"must be at most {MAX_PORT}, not {value!r}")
    return converted


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
        raise TypeError(f"must be text, not {value!r}")
    return value


def _bool(value: object) -> bool:
    if isinstance(value, str) and value.lower() in TRUE + FALSE:
        return value.lower() in TRUE
    if not isinstance(value, bool):
        raise TypeError(f"must be true or false, not {value!r}")
    return value


def _number(kind: type[int] | type[float], value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"must be a number, not {value!r}")
    if kind is int and isinstance(value, float):
        raise TypeError(f"must be a whole number, not {value!r}")
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"must be a {'whole ' if kind is int else ''}number, not {value!r}") from None


def _tuple(kinds: tuple[Any, ...], value: object) -> tuple[object, ...]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = json.loads(value)
    if kinds[0] is int:
        return _ports(value)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, Sequence):
        raise TypeError(f"must be a list, not {value!r}")
    if kinds[0] is RTCIceServer:
        return tuple(_ice_server(item) for item in value)
    return tuple(_string(item) for item in value)


def _ports(value: object) -> tuple[int, int]:
    """Read a range of ports: [50000, 50100] or "50000-50100"."""
    parts = value.split("-") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or len(parts) != 2:
        raise ValueError(f"must be a first and a last port, not {value!r}")
    first, last = (int(_number(int, part)) for part in parts)
    if not (first == last == 0 or 0 < first <= last <= MAX_PORT):
        raise ValueError(f"must be a range between 1 and {MAX_PORT}, not {first} to {last}")
    return first, last


def _ice_server(value: object) -> RTCIceServer:
    """Read an RTCIceServer (WebRTC, section 4.2.2), or just its URL."""
    table = {"urls": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or "urls" not in table:
        raise TypeError(f"must be a table with urls, not {value!r}")
    unknown = set(table) - {"urls", "username", "credential"}
    if unknown:
        raise ValueError(f"an ICE server has no {', '.join(sorted(map(str, unknown)))}")
    urls = [table["urls"]] if isinstance(table["urls"], str) else list(table["urls"])
    for url in urls:
        if not _string(url).startswith(("stun:", "stuns:", "turn:", "turns:")):
            raise ValueError(f"must be a stun: or turn: URL, not {url!r}")
    return RTCIceServer(urls, table.get("username"), table.get("credential"))


def _table(value: object) -> dict[str, str]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping):
        raise TypeError("must be a table of texts")
    return {_string(key): _string(item) for key, item in value.items()}


def _check(config: Config) -> None:
    """Refuse options that contradict each other."""
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError("tls_certificate and tls_key: give both or none")
    if config.turn_secret and not any(
        url.startswith("turn") for server in config.ice_servers for url in server.urls
    ):
        raise ConfigError("turn_secret: there is no TURN server in ice_servers")
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
        case RTCIceServer():
            secret = ', credential = "(secret)"' if value.credential else ""
            return f"{{ urls = {json.dumps(value.urls)}{secret} }}"
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            return "{}"
        case None:
            return '""'
        case _:
            return json.dumps(str(value))
