"""Who gives way to whom: nobody to somebody who does not come in."""

from __future__ import annotations

import pytest

from server.config.options import Config
from server.rooms.rooms import Rooms
from server.signaling.handlers import COST, cost
from tests.support.guest import Guest, joined


@pytest.fixture
def config() -> Config:
    return Config(workers=1, max_participants=2)


@pytest.mark.parametrize(
    ("policy", "answer"), [({"locked": True}, "room-locked"), ({"waitingRoom": True}, "")]
)
async def test_a_held_seat_gives_way_to_nobody_who_may_not_come_in(
    rooms: Rooms, ada: Guest, bob: Guest, policy: dict[str, bool], answer: str
) -> None:
    await ada.ask("policy", policy=policy)
    await bob.session.end()  # the connection is lost
    eve = await joined(rooms, "Eve", preview=True)
    assert await eve.refused("enter") == (answer or "room-full")
    again = Guest(rooms, "Bob")
    assert (await again.join(seat=bob.last("joined")["seat"]))["state"] == "room"


async def test_a_held_seat_gives_way_to_who_comes_in(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await bob.session.end()
    eve = await joined(rooms, "Eve", preview=True)
    await eve.ask("enter")
    assert eve.last("entered")
    assert ada.last("participant-left")["participant"] == bob.id


async def test_whoever_waits_comes_in_under_the_name_that_the_host_has_read(rooms: Rooms, ada: Guest) -> None:
    await ada.ask("policy", policy={"waitingRoom": True})
    eve = await joined(rooms, "Eve", preview=True)
    await eve.ask("enter", name="Rosalind")
    await eve.ask("enter", name="Ada")
    assert ada.last("knock")["participant"]["name"] == "Rosalind"
    await ada.ask("admit", participant=eve.id)
    assert ada.seen(eve)["name"] == "Rosalind"


async def test_what_nobody_needs_to_know_is_not_told(ada: Guest, bob: Guest) -> None:
    """A client that says the same again and again has others told nothing, and of changes as many as of anything."""
    await ada.ask("media", audio=True, video=True)
    told = len(bob.messages)
    for _ in range(3):
        await ada.ask("media", audio=True, video=True)
    assert len(bob.messages) == told
    await ada.ask("media", audio=False, video=True)
    assert not bob.seen(ada)["audio"]
    assert cost({"type": "media"}) == COST
