"""The verdict on a connection, and how steady it is."""

from __future__ import annotations

from itertools import pairwise

import pytest

from server.peers.connection_quality import ConnectionQuality, Link, LossCounter


@pytest.mark.parametrize(
    ("link", "verdict"),
    [
        (Link(0.0, 0.02), "good"),
        (Link(0.0, 0.4), "fair"),
        (Link(0.05, 0.02), "fair"),
        (Link(0.2, 0.02), "poor"),
        (Link(0.0, 1.0), "poor"),
    ],
)
def test_verdicts(link: Link, verdict: str) -> None:
    assert ConnectionQuality().update(link) == verdict


def test_unknown_at_first_and_kept_without_news() -> None:
    quality = ConnectionQuality()
    assert quality.update() is None
    assert quality.update(Link(0.05, 0.1)) == "fair"
    assert quality.update() == "fair"


def test_the_worse_direction_counts() -> None:
    assert ConnectionQuality().update(Link(0.0, 0.01), Link(0.3, 0.01)) == "poor"


def test_one_bad_moment_passes() -> None:
    quality = ConnectionQuality()
    quality.update(Link(0.0, 0.05))
    assert quality.update(Link(0.05, 0.05)) == "good"
    assert quality.update(Link(0.05, 0.05)) == "fair"


def test_no_flicker_around_a_threshold() -> None:
    quality = ConnectionQuality()
    verdicts = [quality.update(Link(0.031 if i % 2 else 0.027, 0.05)) for i in range(40)]
    assert sum(a != b for a, b in pairwise(verdicts)) <= 1
    for _ in range(10):
        verdict = quality.update(Link(0.0, 0.05))
    assert verdict == "good"


def test_loss_since_the_last_call() -> None:
    counter = LossCounter()
    assert counter.update(0, 0) == 0.0
    assert counter.update(10, 90) == pytest.approx(0.1)
    assert counter.update(10, 190) == 0.0
    assert counter.update(1, 3) == pytest.approx(0.25)  # a new connection begins at 0
