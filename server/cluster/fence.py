"""The fence of a server: nobody comes into a room under an older placement than the directory's last."""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Middleware

from server.access.policy import room_name
from server.access.tokens import OPEN, Grant, grant_of_state
from server.cluster.directory import LEASE
from server.cluster.lease import Lease, clock
from server.cluster.sealing import Seal, TicketError
from server.core.errors import SignalingError
from server.http.app_keys import REDIRECTED
from server.rooms.room_state import describe
from server.rooms.rooms import Rooms

logger = logging.getLogger(__name__)

HEADER: Final = "X-Greenroom-Ticket"
PARAMETER: Final = "ticket"
NOT_HERE: Final = "not-here"
FORWARDED: Final = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
STATE: Final = "/cluster/rooms/{room}"
ROOM: Final = "room"
"""Under what a sealed state says whose it is."""
INVITATIONS: Final = "invitations"
"""Under what it has the room's invitations: one that is revoked stays so where the room moves."""

MAX_STATES: Final = 1 << 22  # characters of states in one renewal, and one state more; well below MAX_LINE

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ticket: ContextVar[str] = ContextVar("ticket", default="")


@dataclass
class _Told:
    """What the directory is told of a room, in each renewal until one that said so has been answered."""

    epoch: int
    state: dict[str, Any]
    sealed: str
    number: int = 0
    """The first renewal that says so; 0 for none yet."""
    heard: bool = False


class Fence:
    """Reads tickets, opens rooms that lived elsewhere, and says what there is."""

    def __init__(self, rooms: Rooms, seal: Seal, name: str) -> None:
        """Guard rooms, as the server that is called `name` in the directory."""
        self.lease = Lease()
        self._rooms = rooms
        self._invitations = rooms.authenticator.invitations
        self._seal = seal
        self._name = name
        self._names: dict[str, str] = {}
        self._states: dict[str, tuple[float, dict[str, Any]]] = {}
        self._told: dict[str, _Told] = {}
        self.refusals = 0
        rooms.fence = self.admit

    def admit(self, room: str) -> None:
        """Let the newcomer whose request is being answered into a room; raise SignalingError not-here."""
        try:
            ticket = self._seal.read_ticket(_ticket.get(), server=self._name, room=room)
        except TicketError:
            raise self._refusal() from None
        key = self._seal.room_id(room)
        if not self.lease.admits(key, ticket.epoch, ticket.renewal, clock()):
            raise self._refusal()
        self._names[key] = room
        _, state = self._states.pop(room, (0.0, None))
        if state is not None and self._rooms.open_rooms.get(room) is None:
            try:
                self._invitations.take_over(room, state.pop(INVITATIONS))
                self._rooms.restore(room, state)
            except (KeyError, ValueError):
                logger.error("the state of a room that moved here can't be read; nobody comes in")
                raise self._refusal() from None

    def grant(self, ticket: str, room: str) -> Grant:
        """Return what a redirected client's token allows, by its ticket; raise TicketError, SignalingError."""
        claims = self._seal.read_ticket(ticket, server=self._name, room=room_name(room)).grant
        return OPEN if claims is None else grant_of_state(claims)

    def _refusal(self) -> SignalingError:
        self.refusals += 1
        return SignalingError(NOT_HERE, "This room is on another server now.", fatal=True)

    def expect(self, room: str, sealed: str) -> None:
        """Keep the state of a room that is about to come here, if it is not here yet; raise ValueError.

        Whoever reaches a front reaches this: only what a server of the cluster has sealed, for this room, is believed.
        """
        state, now = self._seal.open(sealed), clock()
        if state.pop(ROOM, None) != self._seal.room_id(room):
            raise ValueError("the state of another room")
        self._states = {name: kept for name, kept in self._states.items() if now - kept[0] < LEASE}
        if self._rooms.open_rooms.get(room) is None:
            self._states[room] = (now, state)

    def rooms(self, number: int) -> dict[str, tuple[int, str]]:
        """Return the rooms that are here, for the renewal of a number; let go of those that the last one has left.

        Those that wait for it longest say their state.
        """
        found = {}
        for key, epoch in list(self.lease.epochs.items()):
            name = self._names[key]
            room = self._rooms.open_rooms.get(name)
            if room is None:
                self.lease.close(key, clock())
                self._forget(key)
            else:
                self._note(key, epoch, {**describe(room), INVITATIONS: self._invitations.state(name)})
                found[key] = (epoch, "")
        left = MAX_STATES
        for key, told in self._told.items():
            if not told.heard and left > 0:
                left -= len(told.sealed)
                told.number = told.number or number
                found[key] = (told.epoch, told.sealed)
        return found

    def _note(self, key: str, epoch: int, state: dict[str, Any]) -> None:
        before = self._told.get(key)
        if before is None or (before.epoch, before.state) != (epoch, state):
            self._told.pop(key, None)
            self._told[key] = _Told(epoch, state, self._seal.close({**state, ROOM: key}))

    def _forget(self, key: str) -> None:
        self._told.pop(key, None)
        del self._names[key]

    async def answered(self, number: int, changed: Mapping[str, int]) -> None:
        """Take the directory's answer to a renewal: who is in a room that is somebody else's now, moves."""
        for told in self._told.values():
            told.heard |= 0 < told.number <= number
        for key in changed.keys() & self._told.keys():
            self._told[key].number, self._told[key].heard = 0, False
        for key in self.lease.answered(number, changed, clock()):
            room = self._rooms.open_rooms.get(self._names[key])
            self._forget(key)
            for membership in room.memberships if room is not None else []:
                moved = SignalingError("moved", "The room is on another server now.", fatal=True)
                await self._rooms.expel(membership, moved)


def fenced(fence: Callable[[web.Request], Fence]) -> Middleware:
    """Return a middleware that takes note of tickets, and believes a front about who asks.

    A front has proved by its certificate, or by the way through a private socket, that it is one.
    """

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if from_front(request):
            _ticket.set(request.headers.get(HEADER, ""))
            request = _as_forwarded(request)
        else:
            text = request.query.get(PARAMETER, "")
            _ticket.set(text)
            with suppress(TicketError, SignalingError):
                REDIRECTED.set(fence(request).grant(text, request.match_info.get("room", "")))
        return await handler(request)

    return admit


def from_front(request: web.Request) -> bool:
    """Tell whether a request came over a link of the cluster."""
    transport = request.transport
    if transport is None:
        return False
    connection = transport.get_extra_info("socket")
    return bool(transport.get_extra_info("peercert")) or connection.family == socket.AF_UNIX


def _as_forwarded(request: web.Request) -> web.Request:
    client, scheme, host = (request.headers.get(name, "") for name in FORWARDED)
    headers = [(name, text) for name, text in request.headers.items() if name.title() not in FORWARDED]
    changes: dict[str, Any] = {"remote": client} if client else {}
    return request.clone(
        scheme=scheme or request.scheme, host=host or request.host, headers=headers, **changes
    )


def expect_states(fence: Callable[[web.Request], Fence]) -> Handler:
    """Return what takes the state of a room from a front, before the first newcomer."""

    async def take(request: web.Request) -> web.Response:
        if not from_front(request):
            raise web.HTTPNotFound
        try:
            sealed = (await request.read()).decode(errors="replace")
            fence(request).expect(room_name(request.match_info["room"]), sealed)
        except ValueError:
            raise web.HTTPForbidden from None
        return web.Response(status=204)

    return take
