"""PINs: digits that are asked for besides a link, so that a link alone lets nobody in.

A PIN is short, so whoever may try often guesses it. Wrong ones are counted by the address that they come from, and by
the door: the room, or the invitation. Nothing tells how far a wrong one was right, and no PIN is logged or stored.
"""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from server.core.errors import SignalingError, TokenError
from server.core.token_bucket import TokenBuckets

PIN: Final = re.compile(r"[0-9]{6,12}")
"""Six digits, at the rate of DOOR_RATE, take a day for each percent of them."""
ADDRESS_BURST: Final = 5  # wrong PINs of one address at once; chosen
ADDRESS_RATE: Final = 1 / 30  # and then so many a second; chosen
DOOR_BURST: Final = 50  # wrong PINs at one door at once, from everywhere; chosen
DOOR_RATE: Final = 1 / 10  # and then so many a second; chosen
MAX_COUNTED: Final = 10_000  # doors and addresses; those that have erred longest ago are forgotten first


def pin_of(value: str) -> str:
    """Return a PIN that a host or an operator has chosen; raise SignalingError bad-message."""
    if not PIN.fullmatch(value):
        raise SignalingError("bad-message", "A PIN has 6 to 12 digits.")
    return value


def pin_digest(secret: bytes, invitation: str, pin: str) -> str:
    """Return what a token says of its PIN: HMAC-SHA256 with the signing key, in base64url without padding.

    Whoever holds the token can't try all PINs on it without the key.
    """
    message = b"\0".join((b"greenroom pin", invitation.encode(), pin.encode()))
    return base64.urlsafe_b64encode(hmac.digest(secret, message, "sha256")).rstrip(b"=").decode()


def is_same(left: str, right: str) -> bool:
    """Compare two texts in a time that does not tell where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())


@dataclass(frozen=True, slots=True)
class Proof:
    """What a newcomer shows besides a token."""

    pin: str = field(default="", repr=False)
    host_token: str = field(default="", repr=False)
    address: str = ""
    """Where it comes from, as it is counted."""


class PinGuard:
    """Checks PINs, and counts wrong ones. `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets = TokenBuckets(MAX_COUNTED)

    def expect(self, door: str, proof: Proof, is_right: Callable[[str], bool]) -> None:
        """Raise TokenError pin-missing, pin-wrong, or too-many-pins for whoever has to wait."""
        if not proof.pin:
            raise TokenError("pin-missing", "This takes a PIN. Ask who has invited you.")
        buckets = (
            self._buckets.get(f"address {proof.address}", ADDRESS_BURST, ADDRESS_RATE),
            self._buckets.get(f"door {door}", DOOR_BURST, DOOR_RATE),
        )
        now = self._clock()
        taken = [bucket for bucket in buckets if bucket.take(1, now)]
        allowed = len(taken) == len(buckets)
        right = allowed and PIN.fullmatch(proof.pin) is not None and is_right(proof.pin)
        if right or not allowed:  # only what was tried and was wrong counts
            for bucket in taken:
                bucket.add(1)
        if not allowed:
            raise TokenError("too-many-pins", "Too many wrong PINs. Wait for a minute.")
        if not right:
            raise TokenError("pin-wrong", "This PIN is not the right one.")
