"""Reading and making the messages of protocol.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypeVar

from server.core.errors import SignalingError

Message: TypeAlias = dict[str, Any]
StreamKind = Literal["video", "audio", "screen", "screen-audio"]
"""What a participant publishes: the filtered camera, the microphone, a shared screen and its sound."""

UPLOAD = "upload:"  # prefix of the ids of participants' own pictures

T = TypeVar("T")
C = TypeVar("C", bound=str)


def parse(text: str) -> Message:
    """Return a message, or raise SignalingError bad-message."""
    try:
        value = json.loads(text)
        if "\\u" in text:  # an escape like "\ud800" makes a text that is no Unicode
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise SignalingError("bad-message", "The message is not JSON of Unicode text.") from None
    if not isinstance(value, dict):
        raise SignalingError("bad-message", "The message is not a JSON object.")
    return value


def required(message: Message, name: str, kind: type[T]) -> T:
    """Return a field, or raise SignalingError bad-message when it is missing or of another type."""
    value = message.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise SignalingError("bad-message", f"The field {name} must be a {kind.__name__}.")
    return value


def number(message: Message, name: str) -> float:
    """Return a field that is a number, or raise SignalingError bad-message."""
    value = message.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        raise SignalingError("bad-message", f"The field {name} must be a number.")
    return value


def one_of(message: Mapping[str, object], name: str, known: tuple[C, ...]) -> C:
    """Return a field that is one of some words, or raise SignalingError bad-message."""
    value = message.get(name)
    for each in known:
        if value == each:
            return each
    raise SignalingError("bad-message", f"The field {name} must be one of {', '.join(known)}.")


def optional(message: Message, name: str, kind: type[T], default: T) -> T:
    """Return a field, `default` when it is missing or null; raise SignalingError bad-message for another type."""
    return default if message.get(name) is None else required(message, name, kind)


def background_id(value: str) -> str:
    """Return the canonical form of a background's id; only those of uploads heed case."""
    return value if value.startswith(UPLOAD) else value.lower()


def error_message(error: SignalingError) -> Message:
    """Return the error message of the protocol."""
    return {"type": "error", "code": error.code, "message": error.message, "fatal": error.fatal}
