"""Tickets: what the front gives a newcomer for the server that the directory has named (RFC 7519 tokens)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import jwt

ALGORITHM: Final = "HS256"
MAX_TICKET: Final = 4096  # characters


class TicketError(Exception):
    """This ticket is not for here."""


class Ticket(NamedTuple):
    """Somebody may try to come into `room` at `server`, under a placement of the directory (see Placement)."""

    server: str
    room: str
    epoch: int
    renewal: int
    grant: Mapping[str, Any] | None = None
    """The claims of the newcomer's own token, checked already: browsers lose their header in a redirect."""


def sign(ticket: Ticket, key: bytes) -> str:
    """Return a ticket as text that goes into a header or a URL; it names the room, like the URL's path."""
    claims = {
        "aud": ticket.server,
        "sub": ticket.room,
        "epoch": ticket.epoch,
        "renewal": ticket.renewal,
        "grant": ticket.grant,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM)


def verify(text: str, key: bytes, *, server: str, room: str) -> Ticket:
    """Return the ticket for `room` at `server`; raise TicketError. Whether it is still good the Lease knows."""
    if len(text) > MAX_TICKET:
        raise TicketError("too long")
    try:
        claims = jwt.decode(text, key, algorithms=[ALGORITHM], audience=server, options={"require": ["aud"]})
    except (jwt.InvalidTokenError, ValueError) as error:
        raise TicketError("not valid here") from error
    epoch, renewal, grant = claims.get("epoch"), claims.get("renewal"), claims.get("grant")
    if claims.get("sub") != room or not isinstance(epoch, int) or not isinstance(renewal, int):
        raise TicketError("for another room")
    return Ticket(server, room, epoch, renewal, grant if isinstance(grant, dict) else None)
