"""Who is let in: tokens are checked here, with all that a token may take besides: a PIN, and that nobody revoked it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import jwt

from server.access.invitations import REVOKED, Invitations
from server.access.pins import PinGuard, Proof, is_same, pin_digest
from server.access.policy import room_name
from server.access.tokens import ANY_ROOM, LEEWAY, MAX_TOKEN, OPEN, Grant, Key, grant_of
from server.core.errors import TokenError

NOTHING: Final = Proof()
EXPIRED: Final = "This token has expired."


class Authenticator:
    """Tells what the holder of a token may do. Without keys everybody may do everything."""

    def __init__(self, keys: Mapping[str, Key], invitations: Invitations | None = None) -> None:
        self._keys = dict(keys)
        self.invitations = invitations or Invitations()
        self.pins = PinGuard()

    @property
    def open(self) -> bool:
        """Tell whether no token is needed."""
        return not self._keys

    @property
    def signing_key(self) -> Key | None:
        """The key that invitations are signed with: the last that can sign, if there is one."""
        return next((key for key in reversed(self._keys.values()) if key.secret is not None), None)

    def admit(self, token: str | None, room: str, proof: Proof = NOTHING) -> Grant:
        """Return what a token allows in a room. Raises TokenError, or SignalingError bad-room."""
        room = room_name(room)
        if self.open:
            return OPEN
        if not token:
            raise TokenError("token-missing", "This server lets nobody in without a token.")
        key, claims = self._claims(token)
        grant = grant_of(claims)
        if not grant.token:
            grant = replace(grant, token=f"token:{hashlib.sha256(token.encode()).hexdigest()}")
        if grant.room not in (ANY_ROOM, room):
            raise TokenError("token-wrong-room", "This token is for another room.")
        self.expect_not_revoked(grant, room)
        if grant.pin:
            self._expect_pin(key, grant, proof)
        return grant

    def readmit(self, grant: Grant, room: str) -> Grant:
        """Return a grant whose token a front has checked a moment ago; raise TokenError where it is good no more.

        A front does not know which invitations have been revoked.
        """
        if grant.expires is not None and time.time() >= grant.expires + LEEWAY:
            raise TokenError("token-expired", EXPIRED)
        self.expect_not_revoked(grant, room_name(room))
        return grant

    def expect_not_revoked(self, grant: Grant, room: str) -> None:
        """Raise TokenError token-revoked for an invitation that a host has taken back."""
        if grant.invitation and self.invitations.is_revoked(room, grant.invitation):
            raise TokenError("token-revoked", REVOKED)

    def _expect_pin(self, key: Key, grant: Grant, proof: Proof) -> None:
        secret = key.secret
        if secret is None:
            raise TokenError("token-invalid", "The PIN of this token can't be checked by a public key.")
        self.pins.expect(
            grant.token, proof, lambda pin: is_same(pin_digest(secret, grant.invitation, pin), grant.pin)
        )

    def _claims(self, token: str) -> tuple[Key, dict[str, Any]]:
        if len(token) > MAX_TOKEN:
            raise TokenError("token-invalid", "This token is too long.")
        try:
            key = self._key(jwt.get_unverified_header(token).get("kid"))
            options: Any = {"require": ["exp"], "verify_aud": False, "verify_iss": False}
            claims: dict[str, Any] = jwt.decode(
                token, key.verifier, algorithms=[key.algorithm], leeway=LEEWAY, options=options
            )
        except jwt.ExpiredSignatureError:
            raise TokenError("token-expired", EXPIRED) from None
        except jwt.ImmatureSignatureError:
            raise TokenError("token-invalid", "This token is not valid yet. Do the clocks agree?") from None
        except (jwt.InvalidTokenError, ValueError):  # ValueError: what can't even be encoded
            raise TokenError("token-invalid", "This token is not valid here.") from None
        return key, claims

    def _key(self, kid: object) -> Key:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise jwt.InvalidTokenError
        return key
