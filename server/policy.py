"""What a room and a participant may be called and may do. Pure rules: no I/O, no media."""

from __future__ import annotations

import re
import unicodedata

ROOM_NAME = re.compile(r"[a-z0-9._-]{1,64}", re.IGNORECASE)
MAX_NAME = 64
UNPRINTABLE = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")


class SignalingError(Exception):
    """A message can't be honoured; `code` is stable (protocol.md), `message` is for people."""

    def __init__(self, code: str, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fatal = fatal


def room_name(value: str) -> str:
    """Return the canonical form of a room's name, or raise SignalingError bad-room."""
    if not ROOM_NAME.fullmatch(value) or value in (".", ".."):
        raise SignalingError(
            "bad-room", "A room name has 1 to 64 letters, digits, dots, dashes or underscores.", fatal=True
        )
    return value.lower()


def participant_name(value: str) -> str:
    """Return the name without surrounding space and control characters, or raise SignalingError bad-name.

    Format characters stay, because emoji sequences and right-to-left names need them.
    """
    name = "".join(c for c in value if unicodedata.category(c) not in UNPRINTABLE).strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise SignalingError("bad-name", f"A name has 1 to {MAX_NAME} characters.", fatal=True)
    return name
