"""Who is where, who watches whom, who is host; with members that are nothing but an id."""

from collections.abc import Sized
from dataclasses import dataclass

import pytest

from server.access.policy import RoomPolicy
from server.core.errors import SignalingError
from server.core.messages import StreamKind
from server.rooms.roster import MAX_CHATS, Roster


@dataclass(frozen=True)
class Someone:
    id: str
    publishes: tuple[StreamKind, ...] = ("video", "audio")


ADA, BOB, EVE = Someone("ada"), Someone("bob", ("video",)), Someone("eve")


def enter(room: Roster[Someone], *people: Someone) -> None:
    for person in people:
        room.visit(person)
        assert room.enter(person)


def refused(error: pytest.ExceptionInfo[SignalingError]) -> str:
    return error.value.code


@pytest.fixture
def room() -> Roster[Someone]:
    return Roster("r", 4)


def test_everybody_gets_all_video_and_the_others_audio(room: Roster[Someone]) -> None:
    enter(room, ADA, BOB)
    assert room.streams_for(ADA) == [(ADA, "video"), (BOB, "video")]
    assert room.streams_for(BOB) == [(ADA, "video"), (ADA, "audio"), (BOB, "video")]


def test_in_the_lobby_one_sees_oneself_and_is_not_seen(room: Roster[Someone]) -> None:
    enter(room, ADA)
    room.visit(BOB)
    assert room.state(BOB) == "lobby"
    assert room.streams_for(BOB) == [(BOB, "video")]
    assert room.streams_for(ADA) == [(ADA, "video")]


def test_a_screen_goes_to_everybody_but_its_owner(room: Roster[Someone]) -> None:
    sharer = Someone("sharer", ("video", "audio", "screen", "screen-audio"))
    enter(room, sharer, BOB)
    assert room.streams_for(sharer) == [(sharer, "video"), (BOB, "video")]
    assert (sharer, "screen") in room.streams_for(BOB)
    assert (sharer, "screen-audio") in room.streams_for(BOB)


def test_the_first_is_host_and_the_longest_present_inherits(room: Roster[Someone]) -> None:
    enter(room, ADA, BOB, EVE)
    assert [room.role(p) for p in (ADA, BOB, EVE)] == ["host", "guest", "guest"]
    assert room.leave(EVE) is None
    assert room.leave(ADA) is BOB
    assert room.role(BOB) == "host"


def test_nobody_inherits_while_there_is_a_host(room: Roster[Someone]) -> None:
    enter(room, ADA, BOB, EVE)
    room.claim(EVE, room.token)
    assert room.leave(ADA) is None
    assert room.role(EVE) == "host"


@pytest.mark.parametrize("token", ["", "x", "ä"])
def test_another_token_makes_nobody_a_host(room: Roster[Someone], token: str) -> None:
    enter(room, ADA, BOB)
    room.claim(BOB, token)
    assert room.role(BOB) == "guest"


def test_who_is_outside_cannot_claim(room: Roster[Someone]) -> None:
    enter(room, ADA)
    room.visit(BOB)
    room.claim(BOB, room.token)
    assert room.role(BOB) == "guest"


def test_a_full_room_takes_nobody(room: Roster[Someone]) -> None:
    enter(room, *(Someone(str(i)) for i in range(4)))
    room.visit(ADA)
    with pytest.raises(SignalingError) as error:
        room.enter(ADA, room.token)
    assert refused(error) == "room-full"
    assert room.state(ADA) == "lobby"


def test_a_full_lobby_takes_nobody(room: Roster[Someone]) -> None:
    for i in range(4):
        room.visit(Someone(str(i)))
    with pytest.raises(SignalingError) as error:
        room.visit(ADA)
    assert refused(error) == "room-full"


def test_a_locked_room_opens_by_token_only(room: Roster[Someone]) -> None:
    enter(room, ADA)
    room.policy = RoomPolicy(locked=True)
    room.visit(BOB)
    with pytest.raises(SignalingError) as error:
        room.enter(BOB)
    assert refused(error) == "room-locked"
    assert room.enter(BOB, room.token)
    assert room.role(BOB) == "host"


def test_the_waiting_room(room: Roster[Someone]) -> None:
    enter(room, ADA)
    room.policy = RoomPolicy(waiting_room=True)
    for person in (BOB, EVE):
        room.visit(person)
        assert not room.enter(person)
    assert room.state(BOB) == "waiting"
    assert room.streams_for(BOB) == [(BOB, "video")]
    room.policy = RoomPolicy(waiting_room=True, locked=True)
    assert room.admit("bob") is BOB
    assert (room.state(BOB), room.role(BOB)) == ("room", "guest")
    with pytest.raises(SignalingError) as error:
        room.admit("bob")
    assert refused(error) == "unknown-participant"
    room.leave(EVE)
    assert not room.waiting


def test_a_room_begins_anew_when_the_last_one_leaves(room: Roster[Someone]) -> None:
    enter(room, ADA)
    token = room.token
    room.say(ADA, "Ada", "secret", 0)
    room.policy = RoomPolicy(waiting_room=True)
    room.visit(BOB)
    room.enter(BOB)
    assert room.leave(ADA) is None
    assert (list(room.chat), room.policy, room.state(BOB)) == ([], RoomPolicy(), "lobby")
    assert room.enter(BOB)
    assert room.role(BOB) == "host"
    assert room.token != token


def test_who_has_gone_is_not_remembered() -> None:
    """A room may be open for months, and guests come and go."""
    room = Roster[Someone]("r", 200)
    enter(room, ADA)
    before = {name: len(value) for name, value in vars(room).items() if isinstance(value, Sized)}
    for number in range(100):
        guest = Someone(f"guest{number}")
        room.visit(guest)
        assert room.enter(guest, role="guest")
        room.leave(guest)
    assert {name: len(getattr(room, name)) for name in before} == before


def test_one_screen_at_a_time(room: Roster[Someone]) -> None:
    enter(room, ADA, BOB)
    room.share(ADA)
    room.share(ADA)
    with pytest.raises(SignalingError) as error:
        room.share(BOB)
    assert refused(error) == "screen-busy"
    assert not room.unshare(BOB)
    assert room.unshare(ADA)
    room.policy = RoomPolicy(screen_share="hosts")
    with pytest.raises(SignalingError) as error:
        room.share(BOB)
    assert refused(error) == "screen-forbidden"
    room.share(ADA)
    room.leave(ADA)
    assert room.sharer is None


def test_the_chat_keeps_the_last_hundred(room: Roster[Someone]) -> None:
    enter(room, ADA)
    for i in range(MAX_CHATS + 1):
        room.say(ADA, "Ada", f"message {i}", i)
    assert [room.chat[0].text, room.chat[-1].text] == ["message 1", f"message {MAX_CHATS}"]
    assert room.chat[-1].describe() == {
        "id": MAX_CHATS + 1,
        "participant": "ada",
        "name": "Ada",
        "text": f"message {MAX_CHATS}",
        "time": MAX_CHATS * 1000,
    }
