"""What a browser may ask for once it has joined: one function per message type of protocol.md.

What only hosts may ask for is in host_handlers.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from filters.base import FilterError
from filters.effects import Effects
from filters.matting.follow import Target, point
from server.access.policy import participant_name, reaction
from server.core.errors import SignalingError
from server.core.messages import Message, number, one_of, optional, required
from server.peers.descriptions import read_offer
from server.peers.publisher import Publisher
from server.peers.subscriber import Subscriber
from server.rooms import captions, microphones, moderation
from server.rooms.participant import RECEIVES, Participant
from server.signaling.host_handlers import HOST_REQUESTS, Request
from server.signaling.session import Session

COST = 5.0  # of the rate limit, for what reaches other people, or keeps a worker busy
DEAR = frozenset(
    {
        "chat",
        "media",
        "hand",
        "reaction",
        "caption",
        "totals",
        "mute",
        "remove",
        "allow",
        "clear-lobby",
        "admit",
        "deny",
        "policy",
        "recording",
        "invite",
        "revoke",
        "pin",
        "role",
        "allow-unmute",
        "lower-hands",
        "spotlight",
        "end",
        "restart",
        "receive",
        "offer",
        "background",
    }
)


async def handle(session: Session, message: Message) -> None:
    """Do what a message asks for; raise SignalingError when it can't be done."""
    if session.over:
        return  # told so already; what was on its way comes too late
    kind = message.get("type")
    request = REQUESTS.get(kind) if isinstance(kind, str) else None
    if request is None:
        shown = kind[:40] if isinstance(kind, str) else type(kind).__name__
        raise SignalingError("unknown-type", f"There is no message of type {shown!r}.")
    if kind in HOST_REQUESTS:
        moderation.expect_host(session.membership)
    await request(session, message)


def cost(message: Mapping[str, Any]) -> float:
    """Return how much of the rate limit a message uses up."""
    kind = message.get("type")
    return COST if isinstance(kind, str) and kind in DEAR else 1.0


def _participant(session: Session) -> Participant:
    return session.membership.participant


async def _enter(session: Session, message: Message) -> None:
    membership = session.membership
    participant, name = membership.participant, optional(message, "name", str, "")
    if name and membership.room.roster.state(participant) == "lobby":  # hosts have read it of who waits
        participant.name = participant_name(participant.grant.name or name)
    if not membership.room.enter(membership, optional(message, "hostToken", str, "")):
        session.send({"type": "waiting"})


async def _offer(session: Session, message: Message) -> None:
    sdp, number = required(message, "sdp", str), optional(message, "id", int, 0)
    connection = message.get("connection")
    if connection == "publish":
        publisher = _participant(session).publisher
        sdp = await publisher.offer(read_offer(sdp, session.rooms.config.max_sdp))
    elif connection == "screen":
        sdp = await session.membership.room.screens.share(session.membership, sdp)
    else:
        raise SignalingError("bad-message", "The field connection must be 'publish' or 'screen' here.")
    session.send({"type": "answer", "connection": connection, "id": number, "sdp": sdp})


async def _answer(session: Session, message: Message) -> None:
    subscriber = _subscriber(session, message)
    if subscriber is not None:
        subscriber.answer(required(message, "id", int), required(message, "sdp", str))


async def _restart(session: Session, message: Message) -> None:
    _subscriber(session, message)
    await _participant(session).reconnect(session.offer)
    session.membership.room.refresh()


def _subscriber(session: Session, message: Message) -> Subscriber | None:
    if message.get("connection") != "subscribe":
        raise SignalingError("bad-message", "The field connection must be 'subscribe' here.")
    return _participant(session).subscriber


async def _candidate(session: Session, message: Message) -> None:
    candidate = optional(message, "candidate", dict, {})
    participant, name = _participant(session), required(message, "connection", str)
    connections: dict[str, Publisher | Subscriber | None] = {
        "publish": participant.publisher,
        "subscribe": participant.subscriber,
        "screen": participant.screen.publisher if participant.screen is not None else None,
    }
    if name not in connections:
        raise SignalingError("bad-message", f"The field connection must be one of {', '.join(connections)}.")
    connection = connections[name]
    if connection is not None:
        await connection.candidate(candidate or None)


async def _media(session: Session, message: Message) -> None:
    audio, video = required(message, "audio", bool), required(message, "video", bool)
    device_filter = optional(message, "deviceFilter", bool, False)
    room, before = session.membership.room, _participant(session).describe()
    microphones.set_media(session.membership, audio=audio, video=video, device_filter=device_filter)
    captions.set_captions(session.membership, wanted=optional(message, "captions", bool, False))
    if _participant(session).describe() != before:
        room.update(session.membership)


async def _plate(session: Session, message: Message) -> None:
    _participant(session).filter.want_plate(required(message, "wanted", bool))


async def _effects(session: Session, message: Message) -> None:
    framing, low_light = required(message, "framing", bool), required(message, "lowLight", bool)
    _participant(session).filter.effects = Effects(framing, low_light)


async def _follow(session: Session, message: Message) -> None:
    _participant(session).filter.follow(_target(message))


def _target(message: Message) -> Target | None:
    """Return whom to follow, None for everybody; raise SignalingError bad-message."""
    match message.get("target"):
        case None:
            return None
        case dict(place):
            try:
                return point(number(place, "x"), number(place, "y"))
            except FilterError as error:
                raise SignalingError("bad-message", f"{error}.") from None
    word: Literal["centre", "nobody"] = one_of(message, "target", ("centre", "nobody"))
    return word


async def _receive(session: Session, message: Message) -> None:
    participant, room = _participant(session), session.membership.room
    before, large = participant.receives, optional(message, "large", str, "") or ""
    participant.receive(one_of(message, "video", RECEIVES), large if large in room.members else "")
    if participant.receives != before:
        room.refresh()


async def _background(session: Session, message: Message) -> None:
    participant = _participant(session)
    participant.choose(required(message, "background", str), session.membership.room.roster.policy)
    session.send({"type": "background", "background": participant.background, "reason": None})


async def _screen(session: Session, message: Message) -> None:
    if required(message, "shared", bool):
        raise SignalingError("bad-message", "A share begins with an offer.")
    session.membership.room.screens.end(session.membership, "stopped")


async def _chat(session: Session, message: Message) -> None:
    membership = session.membership
    membership.room.expect_inside(membership)
    text, to = required(message, "text", str), optional(message, "to", str, "") or None
    membership.room.chat.say(membership, text, to)


async def _hand(session: Session, message: Message) -> None:
    room, participant = session.membership.room, _participant(session)
    room.expect_inside(session.membership)
    raised, whose = required(message, "raised", bool), optional(message, "participant", str, participant.id)
    if whose != participant.id:
        moderation.expect_host(session.membership)
        if raised:
            raise SignalingError("bad-message", "A hand can be raised by its owner only.")
        moderation.lower_hand(session.membership, whose)
    elif raised != (participant.hand is not None):
        participant.hand = round(time.time() * 1000) if raised else None
        room.update(session.membership)


async def _reaction(session: Session, message: Message) -> None:
    room, participant = session.membership.room, _participant(session)
    room.expect_inside(session.membership)
    chosen = reaction(required(message, "reaction", str))
    room.broadcast({"type": "reaction", "participant": participant.id, "reaction": chosen})


async def _caption(session: Session, message: Message) -> None:
    text, final = required(message, "text", str), required(message, "final", bool)
    captions.caption(session.membership, text, final=final)


async def _totals(session: Session, message: Message) -> None:
    room = session.membership.room
    room.expect_inside(session.membership)
    members = room.members.values()
    session.send(
        {
            "type": "totals",
            "since": room.monitor.since,
            "participants": len(members),
            **room.monitor.totals(members)._asdict(),
            "screens": sum(p.screen is not None for p in members),
            "model": session.model,
        }
    )


async def _leave(session: Session, message: Message) -> None:
    session.left, session.returning = True, optional(message, "returning", bool, False)


REQUESTS: dict[str, Request] = {
    "enter": _enter,
    "offer": _offer,
    "answer": _answer,
    "restart": _restart,
    "candidate": _candidate,
    "media": _media,
    "background": _background,
    "plate": _plate,
    "effects": _effects,
    "follow": _follow,
    "receive": _receive,
    "screen": _screen,
    "chat": _chat,
    "hand": _hand,
    "reaction": _reaction,
    "caption": _caption,
    "totals": _totals,
    "leave": _leave,
    **HOST_REQUESTS,
}
