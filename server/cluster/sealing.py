"""What the cluster's secret is for besides TLS: tickets, and rooms whose names and states a directory can't read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import jwt
from cryptography.fernet import Fernet, InvalidToken

ALGORITHM: Final = "HS256"
MAX_TICKET: Final = 4096  # characters; chosen


class TicketError(Exception):
    """This ticket is not for here."""


class Ticket(NamedTuple):
    """Somebody may try to come into `room` at `server`, under a placement of the directory (see Placement)."""

    server: str
    room: str
    epoch: int
    renewal: int
    grant: Mapping[str, Any] | None = None
    """What the newcomer's own token allows (Grant.state), checked already: browsers lose their header in a redirect."""


class Seal:
    """A key of 32 bytes and what is made with it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def room_id(self, room: str) -> str:
        """Return what a room is called in the directory: always the same, and nobody without the key finds the name."""
        return hmac.new(self._key, room.encode(), hashlib.sha256).hexdigest()[:32]

    def ticket(self, ticket: Ticket) -> str:
        """Return a ticket as text for a header or a URL (RFC 7519)."""
        claims = {
            "aud": ticket.server,
            "sub": ticket.room,
            "epoch": ticket.epoch,
            "renewal": ticket.renewal,
            "grant": ticket.grant,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def read_ticket(self, text: str, *, server: str, room: str) -> Ticket:
        """Return the ticket for `room` at `server`; raise TicketError. Whether it is still good the Lease knows."""
        if len(text) > MAX_TICKET:
            raise TicketError("too long")
        try:
            claims = jwt.decode(text, self._key, algorithms=[ALGORITHM], audience=server)
        except (jwt.InvalidTokenError, ValueError) as error:
            raise TicketError("not valid here") from error
        epoch, renewal, grant = claims.get("epoch"), claims.get("renewal"), claims.get("grant")
        if claims.get("sub") != room or not isinstance(epoch, int) or not isinstance(renewal, int):
            raise TicketError("for another room")
        return Ticket(server, room, epoch, renewal, grant if isinstance(grant, dict) else None)

    def close(self, state: Mapping[str, Any]) -> str:
        """Return a room's state as text that only who has the key can read or make."""
        return self._fernet.encrypt(json.dumps(state).encode()).decode()

    def open(self, sealed: str) -> dict[str, Any]:
        """Undo `close`; raise ValueError."""
        try:
            state = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError) as error:
            raise ValueError("not sealed here") from error
        if not isinstance(state, dict):
            raise ValueError("no state")
        return state
