"""Fills in a Config from a TOML file, the environment and the command line; says what is wrong where."""

from __future__ import annotations

import dataclasses
import ipaddress
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from yarl import URL

from server.config.options import PICTURES, Config, Option
from server.config.values import MAX_PORT, WrongValue, of_kind, redacted
from server.core.errors import ConfigError
from server.core.messages import background_id

PREFIX = "GREENROOM_"


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
            reason = error.must if isinstance(error, WrongValue) and option.about.secret else str(error)
            raise ConfigError(f"{shown}: {reason}") from None  # the cause may show a secret
    return found


def _convert(option: Setting, value: object) -> object:
    converted = of_kind(option.kind, value)
    if option.about.choices and converted not in option.about.choices:
        raise WrongValue(f"must be one of {', '.join(option.about.choices)}", value)
    if isinstance(converted, int | float) and not converted >= option.about.at_least:
        raise WrongValue(f"must be at least {option.about.at_least:g}", value)
    match option.name, converted:
        case "trusted_proxies", tuple(networks):
            for network in networks:
                ipaddress.ip_network(network, strict=False)
        case "port", int(port) if port > MAX_PORT:
            raise WrongValue(f"must be at most {MAX_PORT}", value)
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
        raise WrongValue("must be an IP address", address) from None


def _expect_url(url: str) -> None:
    try:
        good = URL(url).scheme in ("http", "https") and URL(url).host
    except ValueError:
        good = False
    if not good:
        raise WrongValue("must be an http:// or https:// URL", redacted(url))


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
        shown = redacted(config.janus_server)
        raise ConfigError(f"janus_server: must be a ws:// or wss:// URL, not {shown!r}")
    if not (config.janus_private and config.janus_public):
        raise ConfigError("janus_private and janus_public: give both")
    if config.janus_private == config.janus_public:
        raise ConfigError(
            "janus_public: must be another room than janus_private, whose cameras are not filtered"
        )
