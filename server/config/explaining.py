"""Writes a Config as TOML: every option with its meaning, or what differs from the defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from server.config.loading import options
from server.config.options import Config, IceServer
from server.config.values import redacted


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
            text = str(value)
            return json.dumps(redacted(text) if "://" in text else text)
