"""Who watches whom, with members that are nothing but an id."""

from dataclasses import dataclass

import pytest

from server.policy import SignalingError, participant_name, room_name
from server.room import Kind, Room, Rooms


@dataclass(frozen=True)
class Someone:
    id: str
    publishes: tuple[Kind, ...] = ("video", "audio")


def test_everybody_gets_all_video_and_the_others_audio() -> None:
    room: Room[Someone] = Room("r", 4)
    ada, bob = Someone("ada"), Someone("bob", ("video",))
    room.join(ada)
    room.join(bob)
    assert room.streams_for(ada) == [(ada, "video"), (bob, "video")]
    assert room.streams_for(bob) == [(ada, "video"), (ada, "audio"), (bob, "video")]


def test_a_room_begins_and_ends_with_its_members() -> None:
    rooms: Rooms[Someone] = Rooms(max_rooms=1, capacity=1)
    ada, bob = Someone("ada"), Someone("bob")
    room = rooms.join("one", ada)
    with pytest.raises(SignalingError, match="full") as full:
        rooms.join("one", bob)
    assert (full.value.code, full.value.fatal) == ("room-full", True)
    with pytest.raises(SignalingError) as full:
        rooms.join("two", bob)
    assert full.value.code == "server-full"
    rooms.leave(room, ada)
    assert rooms.get("one") is None
    assert rooms.join("two", bob).name == "two"


def test_a_room_that_was_refused_does_not_exist() -> None:
    rooms: Rooms[Someone] = Rooms(max_rooms=5, capacity=0)
    with pytest.raises(SignalingError):
        rooms.join("one", Someone("ada"))
    assert rooms.all() == []


@pytest.mark.parametrize("name", ["", "a b", "../x", "ä", "a" * 65, "..", "a/b", "a\n"])
def test_bad_room_names(name: str) -> None:
    with pytest.raises(SignalingError) as error:
        room_name(name)
    assert error.value.code == "bad-room"


def test_room_names_ignore_case() -> None:
    assert room_name("Studio-1.x_y") == "studio-1.x_y"


@pytest.mark.parametrize("name", ["", "  ", "\x00\n", "x" * 65])
def test_bad_names(name: str) -> None:
    with pytest.raises(SignalingError) as error:
        participant_name(name)
    assert error.value.code == "bad-name"


@pytest.mark.parametrize("name", ["Ada", "עדה", "👩‍👩‍👧", "O'Neil <b>", "x" * 64])
def test_names_of_all_kinds(name: str) -> None:
    assert participant_name(f" {name}\n") == name
