"""Whoever makes the pressure is paced, and nobody else."""

from __future__ import annotations

import itertools
import time

import pytest

from server.media.codec.frames import EncodedFrame
from server.media.fair_shares import CALM, MIN_FRAME_RATE, Burden, FairShares
from server.media.governor import LoadMeter
from server.media.publication import MAX_FRAME_RATE, VideoPublication
from server.media.subscription import KEYFRAMES_AT_ONCE, limited
from server.media.workers.base import Transcoding

LOOK = 0.5  # seconds between two calls
RATE = 30


def observe(
    shares: FairShares, look: int, busy: dict[str, float], *, pressed: bool = True, size: float = 1.0
) -> bool:
    """Say how much of a worker each camera has, at so many looks after the first, and how large hogs are."""
    burdens = {c: Burden(LOOK * b, size if c.startswith("hog") else 0.25) for c, b in busy.items()}
    return shares.observe(look * LOOK, burdens, RATE, pressed=pressed)


@pytest.fixture
def two() -> FairShares:
    shares = FairShares(2)
    observe(shares, 0, {})
    return shares


@pytest.mark.parametrize("attackers", [1, 2, 3, 6, 12])
def test_large_cameras_are_paced_at_the_first_look(two: FairShares, attackers: int) -> None:
    """However many there are: they get the pixels of the others."""
    hogs = {f"hog {i}": min(0.95, 1.7 / attackers) for i in range(attackers)}
    assert observe(two, 1, {"ada": 0.08, "bob": 0.08} | hogs, size=9.0)
    assert two.frame_rate("ada") is two.frame_rate("bob") is None
    for hog in hogs:
        assert two.frame_rate(hog) in (MIN_FRAME_RATE, MIN_FRAME_RATE + 1)


@pytest.mark.parametrize("attackers", [1, 2])
def test_costly_cameras_are_paced_at_the_first_look(two: FairShares, attackers: int) -> None:
    hogs = {f"hog {i}": min(0.95, 1.7 / attackers) for i in range(attackers)}
    assert observe(two, 1, {"ada": 0.08, "bob": 0.08} | hogs)
    for hog in hogs:
        paced = two.frame_rate(hog)
        assert paced is not None
        assert MIN_FRAME_RATE <= paced < RATE
    assert two.frame_rate("ada") is two.frame_rate("bob") is None


def test_those_who_are_alike_are_not_singled_out(two: FairShares) -> None:
    """Twelve cameras that are too much together: that is for the governor."""
    alike = {str(i): 2 / 12 * (0.85 + 0.025 * i) for i in range(12)}
    assert not observe(two, 1, alike)
    assert all(two.frame_rate(camera) is None for camera in alike)


def test_nobody_is_paced_without_pressure_or_alone(two: FairShares) -> None:
    assert not observe(two, 1, {"ada": 0.08, "hog": 0.95}, pressed=False)
    assert not observe(two, 2, {"hog": 0.95})
    assert two.frame_rate("hog") is None


def test_pressure_that_goes_on_is_everybody_s(two: FairShares) -> None:
    assert observe(two, 1, {"ada": 0.08, "hog": 0.95})
    assert [observe(two, look, {"ada": 0.08, "hog": 0.3}) for look in (2, 3, 4)] == [True, False, False]


def test_who_is_paced_may_do_more_after_a_while_and_later_each_time(two: FairShares) -> None:
    waits = []
    look = 1
    for _ in range(3):
        observe(two, look, {"ada": 0.08, "hog": 0.95})
        paced, begun = two.frame_rate("hog"), look
        assert paced is not None
        while two.frame_rate("hog") == paced:
            look += 1
            observe(two, look, {"ada": 0.08, "hog": 0.3}, pressed=False)
        waits.append((look - begun) * LOOK)
        look += 1
    assert waits[0] >= CALM
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    for _ in range(400):
        look += 1
        observe(two, look, {"ada": 0.08, "hog": 0.3}, pressed=False)
    assert two.frame_rate("hog") is None


def test_who_has_gone_is_forgotten(two: FairShares) -> None:
    observe(two, 1, {"ada": 0.08, "hog": 0.95})
    observe(two, 2, {"ada": 0.08})
    assert two.frame_rate("hog") is None


class Worker:
    """Whatever is given to it never gets there."""

    bitrate = 500_000
    pixels = 0


def test_a_flood_of_frames_is_cut_to_what_may_come_and_begins_again_with_a_keyframe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    worker: Transcoding = Worker()  # type: ignore[assignment]
    publication = VideoPublication(worker, LoadMeter(1))
    taken: list[EncodedFrame] = []

    def take() -> None:
        taken.extend(publication._waiting)
        publication._waiting.clear()

    monkeypatch.setattr(publication, "_start", take)
    for i in range(4000):
        now += 1 / 400
        publication.receive(EncodedFrame(b"x", 225 * i, i % 50 == 0, "VP8", now))
    assert len(taken) <= 10 * MAX_FRAME_RATE + MAX_FRAME_RATE
    assert publication.received == 4000
    assert publication.withheld == 4000 - len(taken)
    for before, after in itertools.pairwise(taken):
        assert after.keyframe or after.timestamp - before.timestamp == 225


def test_sixty_pictures_a_second_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    worker: Transcoding = Worker()  # type: ignore[assignment]
    publication = VideoPublication(worker, LoadMeter(1))
    monkeypatch.setattr(publication, "_start", publication._waiting.clear)
    for i in range(600):
        now += 1 / 60 if i % 30 else 0.5  # held back by a loss now and then
        publication.receive(EncodedFrame(b"x", 1500 * i, i == 0, "VP8", now))
    assert publication.withheld == 0


def test_one_peer_s_keyframe_requests_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 0.0, 0

    def request() -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(time, "monotonic", lambda: now)
    ask = limited(request)
    for _ in range(1000):
        now += 0.01
        ask()
    assert KEYFRAMES_AT_ONCE + 8 <= asked <= KEYFRAMES_AT_ONCE + 11
