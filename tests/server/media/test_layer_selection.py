"""Layers and bit rates for subscribers of known bandwidth."""

from itertools import pairwise

import pytest

from server.media.codec.encoder import BASE_LAYER_SHARE
from server.media.layer_selection import (
    SMALL_BASE,
    STEP_UP_AFTER,
    TIERS,
    BitrateTier,
    LayerSelection,
    SentRate,
)

SMALL, LARGE = 640 * 360, 1280 * 720


def settle(
    tier: BitrateTier, shares: list[float | None], pixels: int, start: float, seconds: float
) -> list[int]:
    return [tier.update(start + t / 2, shares, pixels) for t in range(round(seconds * 2))]


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [(None, 0), (4_000_000, 0), (2_300_000, 0), (2_100_000, 3), (1_000_000, 4), (1, 4)],
)
def test_as_many_streams_are_cut_as_do_not_fit(estimate: int | None, expected: int) -> None:
    assert LayerSelection().update(0, estimate, [600_000] * 4) == expected


def test_an_estimate_that_only_follows_what_is_sent_limits_nothing() -> None:
    """A quiet scene takes little of what the encoder is allowed, and the estimate stays close to that."""
    selection = LayerSelection()
    assert {selection.update(t, 1_500 * rate, [1000.0 * rate]) for t in range(60) for rate in (40, 90)} == {0}
    assert selection.share(60_000, 600_000) == float("inf")
    tier = BitrateTier(600_000)
    assert settle(tier, [float("inf")], SMALL, 0, 30)[-1] == 900_000


def test_streams_are_cut_at_once_and_given_back_one_by_one() -> None:
    selection = LayerSelection()
    assert selection.update(0, 1_000_000, [600_000] * 3) == 3
    counts = [selection.update(t, 9_000_000, [600_000] * 3) for t in range(1, 20)]
    assert counts[0] == 3
    assert counts[-1] == 0
    assert all(a - b in (0, 1) for a, b in pairwise(counts))
    assert counts.index(2) >= STEP_UP_AFTER


def test_the_bit_rate_falls_only_as_far_as_the_base_layer_needs() -> None:
    selection = LayerSelection()
    assert selection.update(0, 1_000_000, [600_000, 600_000, 600_000, 0]) == 4  # the last one's camera is off
    share = selection.share(1_000_000, 600_000)
    assert share == pytest.approx(900_000 / 3 / BASE_LAYER_SHARE)


def test_all_come_back_although_the_estimate_stays_near_what_is_sent() -> None:
    selection = LayerSelection()
    rates = [600_000.0] * 3
    cut = selection.update(0, 1_000_000, rates)
    for now in range(1, 60):
        sent = sum(rates) - (1 - BASE_LAYER_SHARE) * 600_000 * cut
        cut = selection.update(now, round(1.5 * sent), rates)
    assert cut == 0


def test_an_estimate_that_is_about_right_changes_nothing() -> None:
    selection = LayerSelection()
    assert {selection.update(t, 1_700_000 + t * 10_000, [600_000] * 3) for t in range(40)} == {0}
    assert selection.share(2_000_000, 600_000) == 600_000


def test_an_estimate_that_wavers_changes_nothing() -> None:
    selection = LayerSelection()
    selection.update(0, 1_000_000, [600_000] * 3)
    assert {selection.update(t, 3_000_000 if t % 3 else 1_000_000, [600_000] * 3) for t in range(1, 40)} == {
        3
    }


def test_streams_that_are_gone_are_not_counted() -> None:
    selection = LayerSelection()
    selection.update(0, 1, [600_000] * 5)
    assert selection.update(1, None, [600_000]) == 1


def test_unknown_bandwidth_leaves_the_bit_rate() -> None:
    assert set(settle(BitrateTier(600_000), [None, None], SMALL, 0, 30)) == {600_000}


def test_the_bit_rate_falls_soon_and_rises_slowly_by_tiers() -> None:
    tier = BitrateTier(600_000)
    down = settle(tier, [200_000.0], SMALL, 0, 3)
    assert down[-1] == 150_000
    up = settle(tier, [5e6], LARGE, 3, 60)
    steps = sorted(set(up))
    assert steps == list(TIERS)
    assert up == sorted(up)
    assert up.count(150_000) >= STEP_UP_AFTER * 2


def test_a_small_picture_needs_no_more() -> None:
    assert settle(BitrateTier(600_000), [9e6], SMALL, 0, 60)[-1] == 900_000


@pytest.mark.parametrize("narrow", [20_000.0, 100_000.0, 450_000.0])
@pytest.mark.parametrize("wide", range(2, 16))
def test_only_most_of_the_room_takes_anything_from_the_others(narrow: float, wide: int) -> None:
    for few in range((wide + 1) // 2):
        shares = [narrow if i < few else 2e6 for i in range(wide)]
        assert settle(BitrateTier(600_000), [*shares], SMALL, 0, 20)[-1] == 900_000
        unknown = [narrow if i < few else None for i in range(wide)]
        assert settle(BitrateTier(600_000), [*unknown], SMALL, 0, 20)[-1] == 600_000
    most = wide // 2 + 1
    shares = [narrow if i < most else 2e6 for i in range(wide)]
    assert settle(BitrateTier(600_000), [*shares], SMALL, 0, 20)[-1] == max(150_000, min(narrow, 400_000))


def test_what_does_not_fit_even_as_base_layers_is_small_until_it_does() -> None:
    selection = LayerSelection()
    assert selection.update(0, 700_000, [600_000] * 3) == 3
    assert (selection.small, selection.paused) == (2, 0)
    assert selection.share(700_000, 600_000) == pytest.approx(630_000 / 3 / BASE_LAYER_SHARE)
    for now in (1.0, 2.0, 3.0):  # the publications have come down
        selection.update(now, 700_000, [250_000] * 3)
    assert (selection.base_only, selection.small) == (3, 0)


def test_what_is_small_stays_so_while_nothing_shows_that_more_fits() -> None:
    selection = LayerSelection()
    selection.update(0, 300_000, [600_000] * 3)
    assert (selection.small, selection.paused) == (3, 0)
    for now in range(1, 60):
        selection.update(now, round(1.5 * 3 * SMALL_BASE), [600_000] * 3)
    assert selection.small == 3
    counts = []
    for now in range(60, 70):
        selection.update(now, 10_000_000, [600_000] * 3)
        counts.append(selection.small)
    assert counts[-1] == 0
    assert all(a - b in (0, 1) for a, b in pairwise([3, *counts]))


def test_what_does_not_fit_even_small_is_paused_until_it_does() -> None:
    selection = LayerSelection()
    selection.update(0, 170_000, [600_000] * 3)
    assert (selection.small, selection.paused) == (3, 1)
    selection.update(0.5, 170_000, [600_000] * 3)
    assert selection.paused == 1
    selection.update(1, 310_000, [600_000] * 3)
    assert (selection.small, selection.paused) == (3, 0)


def test_paused_streams_come_back_one_by_one_as_the_estimate_grows() -> None:
    selection = LayerSelection()
    selection.update(0, 90_000, [600_000] * 3)
    assert selection.paused == 2
    counts = []
    for now in range(1, 8):
        sent = SMALL_BASE * (3 - selection.paused)
        selection.update(now, round(1.5 * sent), [600_000] * 3)
        counts.append(selection.paused)
    assert counts[-1] == 0
    assert all(a - b in (0, 1) for a, b in pairwise([2, *counts]))


def test_one_stream_always_stays() -> None:
    selection = LayerSelection()
    selection.update(0, 1, [600_000])
    assert selection.paused == 0
    selection.update(0, 1, [600_000, 0, 0])
    assert selection.paused == 0


def test_a_base_layer_that_takes_less_than_its_share_holds_nothing_up() -> None:
    selection = LayerSelection()
    selection.update(0, 1_000_000, [600_000] * 3)
    cut = [selection.update(t, 1_400_000, [600_000] * 3, 930_000) for t in range(1, 20)]
    assert cut[-1] == 0


def test_the_rate_that_is_sent() -> None:
    rate = SentRate()
    assert rate.update(0, 1000) is None
    assert rate.update(0.5, 1000) is None
    assert rate.update(1, 126_000) == 1_000_000
    assert rate.update(1.5, 200_000) == 1_000_000
    assert rate.update(2, 126_000) == 0
    assert rate.update(2.1, 0) is None  # other streams, or another connection
