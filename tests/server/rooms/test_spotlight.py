"""The spotlight: a host has everybody see one person large."""

from __future__ import annotations

import json

import pytest

from filters.matting.segmenter import Segmenter
from server.config.options import Config
from server.rooms.room_state import describe
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined


@pytest.fixture
def config() -> Config:
    return Config(workers=1, max_participants=4, max_voices=2)


async def gone(guest: Guest, **fields: object) -> str:
    """Leave, and return the seat that a page which is loaded again would show."""
    await guest.ask("leave", **fields)
    await guest.session.end()
    return str(guest.last("joined")["seat"])


async def test_everybody_is_told_and_whoever_comes_later_too(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await ada.ask("spotlight", participant=bob.id)
    assert ada.seen(bob)["spotlit"]
    assert bob.seen(bob)["spotlit"]
    eve = await joined(rooms, "Eve")
    assert eve.seen(bob)["spotlit"]
    assert not eve.seen(ada)["spotlit"]
    await ada.ask("spotlight", participant=None)
    assert not eve.seen(bob)["spotlit"]


async def test_it_is_on_one_person_at_most_hosts_included(ada: Guest, bob: Guest) -> None:
    await ada.ask("spotlight", participant=bob.id)
    await ada.ask("spotlight", participant=ada.id)
    assert (bob.seen(ada)["spotlit"], bob.seen(bob)["spotlit"]) == (True, False)
    told = len(bob.messages)
    await ada.ask("spotlight", participant=ada.id)
    assert len(bob.messages) == told


async def test_only_hosts_move_it_and_only_to_people_in_the_room(
    rooms: Rooms, ada: Guest, bob: Guest
) -> None:
    assert await bob.refused("spotlight", participant=bob.id) == "host-only"
    assert await bob.refused("spotlight", participant=None) == "host-only"
    eve = await joined(rooms, "Eve", preview=True)
    assert await ada.refused("spotlight", participant=eve.id) == "unknown-participant"
    assert await ada.refused("spotlight", participant="nobody") == "unknown-participant"
    assert await ada.refused("spotlight", participant=7) == "bad-message"


async def test_whoever_leaves_is_spotlit_no_more(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await ada.ask("spotlight", participant=bob.id)
    seat = await gone(bob)
    assert ada.session.membership.room.roster.spotlit is None
    again = await joined(rooms, "Bob", former=seat)
    assert not ada.seen(again)["spotlit"]


async def test_a_page_that_is_loaded_again_has_it_back(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await ada.ask("spotlight", participant=bob.id)
    again = await joined(rooms, "Bob", former=await gone(bob, returning=True))
    assert ada.seen(again)["spotlit"]
    assert again.seen(again)["spotlit"]


async def test_it_stays_where_a_host_has_put_it_meanwhile(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    for meanwhile in (ada.id, None):
        await ada.ask("spotlight", participant=bob.id)
        seat = await gone(bob, returning=True)
        await ada.ask("spotlight", participant=meanwhile)
        bob = await joined(rooms, "Bob", former=seat)
        assert not ada.seen(bob)["spotlit"]
        assert ada.seen(ada)["spotlit"] == (meanwhile == ada.id)


async def test_the_only_host_has_it_back_too(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    """Whose seat is held until the page is there again."""
    await ada.ask("spotlight", participant=ada.id)
    again = await joined(rooms, "Ada", former=await gone(ada, returning=True))
    assert (bob.seen(again)["spotlit"], bob.seen(again)["role"]) == (True, "host")


async def test_a_lost_connection_changes_nothing(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await ada.ask("spotlight", participant=bob.id)
    await bob.session.end()
    again = await joined(rooms, "Bob", seat=bob.last("joined")["seat"])
    assert again.seen(again)["spotlit"]


async def test_who_is_spotlit_is_heard_and_cut_last(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    """Though as many as are heard at once are louder."""
    eve = await joined(rooms, "Eve")
    loud, louder, quiet = (guest.session.membership.participant for guest in (ada, bob, eve))
    assert loud.audio.on_level(20)
    assert louder.audio.on_level(10)
    assert not quiet.audio.on_level(60)
    await ada.ask("spotlight", participant=eve.id)
    assert quiet.audio.on_level(60)
    ada.session.membership.room.observe(1.0)
    assert [each.video.shown_large for each in (loud, louder, quiet)] == [False, False, True]


async def test_it_moves_to_another_server_with_the_room(
    config: Config, segmenter: Segmenter, rooms: Rooms, ada: Guest, bob: Guest
) -> None:
    await ada.ask("spotlight", participant=bob.id)
    state = json.loads(json.dumps(describe(ada.session.membership.room)))
    elsewhere = Rooms(config, segmenter)
    elsewhere.restore("studio", state)
    there = await joined(elsewhere, "Ada", seat=ada.last("joined")["seat"])
    again = await joined(elsewhere, "Bob", seat=bob.last("joined")["seat"])
    assert (there.seen(again)["spotlit"], there.seen(there)["spotlit"]) == (True, False)
    await elsewhere.close()
