"""Every camera pays for itself first; and what one may send, or ask for, is limited."""

from __future__ import annotations

import itertools
import time

import pytest

from server.media.camera_costs import Cost
from server.media.codec.frames import EncodedFrame
from server.media.fair_shares import MIN_FRAME_RATE, Capacity, Quality, Shares, work
from server.media.load import LoadMeter
from server.media.publication import MAX_FRAME_RATE, VideoPublication
from server.media.subscription import KEYFRAMES_AT_ONCE, limited
from server.media.workers.base import Transcoding

RATE = 30.0
LIGHT = Cost(RATE, RATE, RATE, 0.5e-3, 1e-3, 0.5, 0.5, 1.5e-3, 0.5e-3, 1e-3, 0.5e-3)
HOG = Cost(RATE, RATE, RATE, 4e-3, 2e-3, 1.0, 1.0, 15e-3, 5e-3, 12e-3, 1e-3)
QUALITY = Quality(600_000, 2)
ROOMY = Capacity(1e9, {}, 1e9)


def fit(costs: dict[str, Cost], capacity: Capacity) -> dict[str, float]:
    """Return the frame rates that fit, having checked that they do."""
    shares = Shares(costs, QUALITY, RATE)
    rates, _ = shares.fit(capacity)
    assert (
        shares.fits(rates, capacity._replace(cores=capacity.cores + 1e-6))
        or min(rates.values()) == MIN_FRAME_RATE
    )
    return rates


def test_nobody_gives_anything_up_without_need() -> None:
    assert fit({"ada": LIGHT, "hog": HOG}, ROOMY) == {"ada": RATE, "hog": RATE}


@pytest.mark.parametrize("attackers", [2, 3, 6])
def test_who_costs_more_gives_up_first(attackers: int) -> None:
    hogs = {f"hog {i}": HOG for i in range(attackers)}
    rates = fit({"ada": LIGHT, "bob": LIGHT} | hogs, Capacity(1.2, {}, 0.9))
    assert rates["ada"] == rates["bob"] == RATE
    assert all(MIN_FRAME_RATE <= rates[hog] < RATE for hog in hogs)


def test_what_is_left_over_is_theirs_all_the_same() -> None:
    costs = {"ada": LIGHT, "bob": LIGHT, "hog": HOG, "dog": HOG}
    shares = Shares(costs, QUALITY, RATE)
    rates = fit(costs, Capacity(1.0, {}, 0.9))
    assert shares.demand(rates) == pytest.approx(1.0, rel=0.01)


def test_cameras_of_one_kind_have_the_same_frame_rate() -> None:
    costs = {str(i): LIGHT._replace(rest=LIGHT.rest * (0.8 + 0.04 * i)) for i in range(12)}
    rates = fit(costs, Capacity(0.8, {}, 0.9))
    assert len(set(rates.values())) == 1
    assert rates["0"] < RATE


def test_only_what_is_needed_or_shown_is_decoded() -> None:
    layered = LIGHT._replace(needed=RATE / 2)
    for shown, decoded in ((RATE, 30.0), (20.0, 25.0), (10.0, 20.0)):
        less = work(LIGHT, QUALITY, shown) - work(layered, QUALITY, shown)
        assert less == pytest.approx((RATE - decoded) * LIGHT.decode)


def test_a_worker_gives_its_cameras_no_more_than_it_has() -> None:
    costs = {str(i): LIGHT._replace(worker=i % 3 == 0) for i in range(9)}
    rates = fit(costs, Capacity(8.0, {0: 0.4, 1: 0.4}, 0.9))
    assert len({rates[str(i)] for i in range(9) if i % 3}) == 1
    assert rates["1"] < rates["0"]


def test_work_elsewhere_costs_only_what_is_sent_from_here() -> None:
    there = {str(i): LIGHT._replace(here=False) for i in range(9)}
    assert set(fit(there, Capacity(0.2, {}, 0.9)).values()) == {RATE}
    assert max(fit(there, Capacity(0.2, {0: 0.5}, 0.9)).values()) < RATE


def test_the_event_loop_can_be_full_first() -> None:
    costs = {str(i): LIGHT for i in range(9)}
    rates = fit(costs, Capacity(8.0, {}, 0.1))
    assert sum(rates[c] * LIGHT.send for c in costs) == pytest.approx(0.1, rel=0.01)


def test_nobody_gets_nothing() -> None:
    rates = fit({str(i): HOG for i in range(20)}, Capacity(0.1, {}, 0.1))
    assert set(rates.values()) == {MIN_FRAME_RATE}


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


def test_who_may_show_little_has_only_keyframes_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 100.0, 0

    def ask() -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(time, "monotonic", lambda: now)
    worker: Transcoding = Worker()  # type: ignore[assignment]
    publication = VideoPublication(worker, LoadMeter(1))
    taken: list[EncodedFrame] = []
    monkeypatch.setattr(publication, "_start", lambda: taken.append(publication._waiting.pop()))
    monkeypatch.setattr(publication, "_ask_sender_for_keyframe", ask)
    publication.held_back, publication.frame_rate = True, 3.0
    for i in range(300):
        now += 1 / 30
        publication.receive(EncodedFrame(b"x", 3000 * i, i % 15 == 0, "VP8", now))
    assert len(taken) == 20
    assert all(frame.keyframe for frame in taken)
    assert 28 <= asked <= 31
    publication.held_back, publication.frame_rate = False, 30.0
    for i in range(300, 330):
        now += 1 / 30
        publication.receive(EncodedFrame(b"x", 3000 * i, i == 310, "VP8", now))
    assert [frame.timestamp // 3000 for frame in taken[20:]] == list(range(310, 330))


def test_what_no_frame_refers_to_is_decoded_only_where_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    worker: Transcoding = Worker()  # type: ignore[assignment]
    publication = VideoPublication(worker, LoadMeter(1))
    monkeypatch.setattr(publication, "_start", lambda: None)
    publication.frame_rate = 10.0
    for i in range(13):
        publication.receive(EncodedFrame(b"x", 3000 * i, i == 0, "VP8", now, droppable=i % 2 == 1))
    batches = [[frame.timestamp // 3000 for frame in publication._next_batch(now)] for _ in range(4)]
    shown = [batch[-1] for batch in batches]
    assert shown == [0, 3, 6, 9]
    assert [number for batch in batches for number in batch] == [0, 2, 3, 4, 6, 8, 9]


def test_what_came_before_a_keyframe_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    worker: Transcoding = Worker()  # type: ignore[assignment]
    publication = VideoPublication(worker, LoadMeter(1))
    monkeypatch.setattr(publication, "_start", lambda: None)
    for i in range(20):
        publication.receive(EncodedFrame(b"x", 3000 * i, i in (0, 5, 12), "VP8", now))
    now += 1
    batch = publication._next_batch(now)
    assert [frame.timestamp // 3000 for frame in batch] == list(range(12, 20))
    assert publication.withheld == 19


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
