"""Whose camera the server hides for the moment: what is read from the counters, and who is told."""

from __future__ import annotations

import logging
import time

import pytest

from filters.base import Outcome
from server.rooms.hidden import CALM, HiddenCamera, Sample
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined


class Watched:
    """A camera whose totals grow by what each second brings."""

    def __init__(self) -> None:
        self.camera = HiddenCamera()
        self._now, self._totals = 0.0, (0, 0, 0)

    def second(self, received: int, sent: int, covered: int = 0, *, failing: bool = False) -> str | None:
        self._now += 1.0
        before = self._totals
        self._totals = (before[0] + received, before[1] + sent, before[2] + covered)
        received, sent, covered = self._totals
        self.camera.observe(self._now, Sample(received, sent, covered, failing))
        return self.camera.why


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_camera_that_is_shown_is_not_hidden(watched: Watched) -> None:
    assert [watched.second(30, sent) for sent in (0, 0, 25, 30, 10, 1)] == [None] * 6


def test_one_that_is_off_is_not_hidden(watched: Watched) -> None:
    watched.second(30, 30)
    assert [watched.second(0, 0), watched.second(0, 0)] == [None, None]


def test_covered_pictures_stopped_ones_and_errors_are_told_apart(watched: Watched) -> None:
    watched.second(30, 30)
    assert watched.second(30, 10, 10) == "covered"
    assert watched.second(30, 0) == "stopped"
    assert watched.second(30, 10, failing=True) == "error"
    assert watched.camera.begun == {"covered": 1, "stopped": 1, "error": 1}


def test_a_few_covered_pictures_among_many_are_not_told(watched: Watched) -> None:
    watched.second(30, 30)
    assert watched.second(30, 30, 5) is None


def test_it_is_shown_again_only_when_that_lasts(watched: Watched) -> None:
    watched.second(30, 30)
    watched.second(30, 10, 10)
    calm = [watched.second(30, 30) for _ in range(CALM)]
    assert calm == ["covered"] * (CALM - 1) + [None]


async def test_the_room_and_the_log_are_told(rooms: Rooms, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "server.rooms.hidden")
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    eve = await joined(rooms, "Eve", preview=True)
    room, participant = ada.session.membership.room, ada.session.membership.participant
    now = time.monotonic() + 1000  # the room's own looks are in between, and before

    def second(**grown: int) -> None:
        nonlocal now
        now += 1.0
        participant.video.sent += 10
        participant.filter.outcomes[Outcome.FULL_BLUR] += grown.get("covered", 0)
        room.observe(now)

    second()
    second(covered=10)
    for guest in (ada, bob):
        assert guest.last("hidden") == {"type": "hidden", "participants": {ada.id: "covered"}}
    assert eve.told("hidden") == []
    await eve.ask("enter")
    second(covered=10)
    assert eve.last("hidden")["participants"] == {ada.id: "covered"}
    again = Guest(rooms, "Bob")
    await again.join(seat=bob.session.membership.participant.seat)
    second(covered=10)
    assert again.last("hidden")["participants"] == {ada.id: "covered"}
    for _ in range(CALM):
        second()
    assert eve.last("hidden")["participants"] == {}
    assert len(bob.told("hidden")) == 1
    told = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert told == [
        (
            "WARNING",
            f"the camera of participant {ada.id} is hidden: the server is busy and covers the whole picture",
        ),
        ("INFO", f"the camera of participant {ada.id} is shown again, after 4 s"),
    ]


async def test_one_wants_all_cameras_half_of_the_pictures_or_none(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    participant, room = ada.session.membership.participant, ada.session.membership.room
    assert participant.subscriber is not None

    def watches() -> set[tuple[str, str]]:
        assert participant.subscriber is not None
        return {(stream.owner, stream.kind) for stream in participant.subscriber.wanted}

    everything = {(ada.id, "video"), (bob.id, "video"), (bob.id, "audio")}
    assert watches() == everything
    await ada.ask("receive", video="none")
    assert watches() == everything - {(bob.id, "video")}
    room.refresh()
    assert watches() == everything - {(bob.id, "video")}
    await ada.ask("receive", video="saver")
    assert watches() == everything
    assert participant.subscriber.saving
    await participant.reconnect(ada.session.offer)
    assert participant.subscriber.saving
    assert await ada.refused("receive", video="some") == "bad-message"
    back = Guest(rooms, "Ada")
    await back.join(seat=participant.seat)
    assert not participant.subscriber.saving
