"""Rooms come when somebody asks for them, as many as may be, and go when they are empty."""

from dataclasses import dataclass

import pytest

from server.core.errors import SignalingError
from server.rooms.open_rooms import OpenRooms


@dataclass
class Place:
    name: str
    empty: bool = True


def test_rooms_are_made_when_needed_and_no_more_than_allowed() -> None:
    rooms = OpenRooms(1, Place)
    one = rooms.open("one")
    one.empty = False
    assert rooms.open("one") is one
    with pytest.raises(SignalingError) as error:
        rooms.open("two")
    assert error.value.code == "server-full"
    rooms.discard(one)
    assert rooms.get("one") is one
    one.empty = True
    rooms.discard(one)
    assert rooms.get("one") is None
    assert rooms.all() == []
