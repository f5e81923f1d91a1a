"""Who is shown large by people's own choice: whom most show so, two of a room at once."""

from __future__ import annotations

import pytest

from server.access.tokens import Grant
from server.config.options import Config
from server.rooms.admission import Viewer
from server.rooms.rooms import Rooms
from server.rooms.shown_large import KEPT, MOST, ShownLarge
from tests.support.guest import Guest, joined


@pytest.fixture
def config() -> Config:
    return Config(workers=1, max_participants=8)


def large(guest: Guest) -> bool:
    return guest.session.membership.use().shown_large


def test_the_most_wanted_are_large_and_no_more_than_a_few() -> None:
    shown = ShownLarge()
    shown.update(0.0, ["a", "b", "c", "c", "b", "b"])
    assert [each in shown for each in "abc"] == [False, True, True]
    shown.update(KEPT, ["a", "d", "c"])
    assert [each in shown for each in "abcd"] == [True, False, True, False]
    shown.update(2 * KEPT, [])
    assert not any(each in shown for each in "abcd")


def test_nobody_has_cameras_change_their_size_all_the_time() -> None:
    """However often who is wanted changes."""
    shown, changes, before = ShownLarge(), 0, set[str]()
    for step in range(1000):
        shown.update(step * KEPT / 100, [f"p{step % 8}"])
        now = {f"p{i}" for i in range(8) if f"p{i}" in shown}
        assert len(now) <= MOST
        changes += len(now - before)
        before = now
    assert changes <= MOST * (1000 / 100 + 1)


async def test_whom_somebody_shows_large_is_asked_for_more(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    eve = await joined(rooms, "Eve")
    room = ada.session.membership.room
    await ada.ask("receive", video="all", large=bob.id)
    await bob.ask("receive", video="all", large=bob.id)  # oneself, whom nobody else sees so
    await eve.ask("receive", video="all", large="nobody")
    room.observe(0.0)
    assert [large(each) for each in (ada, bob, eve)] == [False, True, False]
    await ada.ask("receive", video="all", large=None)
    room.observe(KEPT)
    assert not large(bob)
    assert await ada.refused("receive", video="all", large=7) == "bad-message"


async def test_the_spotlight_takes_no_place_of_others(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    eve, kit = await joined(rooms, "Eve"), await joined(rooms, "Kit")
    for whom, by in ((bob, ada), (eve, bob), (kit, eve), (bob, kit)):
        await by.ask("receive", video="all", large=whom.id)
    await ada.ask("spotlight", participant=bob.id)
    ada.session.membership.room.observe(0.0)
    assert [large(each) for each in (ada, bob, eve, kit)] == [False, True, True, True]


async def test_who_is_watched_from_outside_is_shown_large(ada: Guest, bob: Guest) -> None:
    room = ada.session.membership.room
    room.viewers.add(Viewer(Grant(), bob.id))
    room.observe(0.0)
    assert (large(ada), large(bob)) == (False, True)


async def test_in_the_lobby_one_sees_oneself_large_and_makes_no_crowd(rooms: Rooms, ada: Guest) -> None:
    lurker = await joined(rooms, "Eve", preview=True)
    use = lurker.session.membership.use()
    assert (use.shown_large, use.inside) == (True, False)
    await lurker.ask("enter")
    use = lurker.session.membership.use()
    assert (use.shown_large, use.inside) == (False, True)


async def test_it_is_cut_last_where_it_is_shown_so(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    participant = ada.session.membership.participant
    await ada.ask("receive", video="all", large=bob.id)
    assert participant.subscriber is not None
    assert participant.subscriber.shows_large == bob.id
    await participant.reconnect(ada.session.offer)
    assert participant.subscriber.shows_large == bob.id
    again = Guest(rooms, "Ada")
    await again.join(seat=participant.seat)
    assert (participant.shows_large, participant.subscriber.shows_large) == ("", "")
