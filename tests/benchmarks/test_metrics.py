"""The measures of a matte, on mattes whose figures can be worked out by hand."""

import math

import numpy as np
import pytest

from benchmarks.metrics import Matte, Meter, Scores, gradient_error, mean_scores


def left(columns: int, value: int = 255) -> Matte:
    """Return a matte of 20 × 10 pixels, so many columns of which are person."""
    matte = np.zeros((10, 20), np.uint8)
    matte[:, :columns] = value
    return matte


def scores(pairs: list[tuple[Matte, Matte]]) -> Scores:
    meter = Meter()
    for matte, truth in pairs:
        meter.add(matte, truth)
    return meter.scores()


def test_the_truth_has_no_error() -> None:
    got = scores([(left(8), left(8)), (left(9), left(9))])
    assert got.iou == 1
    assert max(v for k, v in got.as_dict().items() if k != "iou") == 0


def test_room_that_is_shown() -> None:
    got = scores([(left(8), left(4))])
    assert got.iou == 0.5
    assert got.mad == pytest.approx(1e3 * 4 / 20)
    assert got.mse == pytest.approx(1e3 * 4 / 20)
    assert got.leak == pytest.approx(100 * 4 / 16)
    assert got.lost == 0


def test_person_that_is_lost() -> None:
    got = scores([(left(4), left(8))])
    assert got.lost == pytest.approx(50)
    assert got.leak == 0


def test_a_patient_viewer_gathers_what_leaks() -> None:
    one, other = left(4), left(4)
    one[:5, 10] = other[5:, 10] = 255
    got = scores([(one, left(4)), (other, left(4))])
    assert got.union == pytest.approx(2 * got.leak)


def test_flicker_counts_and_true_motion_does_not() -> None:
    moving = [(left(n), left(n)) for n in (4, 6, 8)]
    assert scores(moving).dtssd == 0
    flicker = [(left(4), left(4)), (left(5), left(4))]
    assert scores(flicker).dtssd == pytest.approx(100 * math.sqrt(1 / 20))


def test_a_faint_leak_below_a_tenth_is_not_seen() -> None:
    assert scores([(left(8, 25), left(0))]).leak == 0
    assert scores([(left(8, 27), left(0))]).leak == pytest.approx(40)


def test_gradient_is_for_edges() -> None:
    assert gradient_error(left(8), left(8)) == 0
    assert gradient_error(left(9), left(8)) > gradient_error(left(8, 250), left(8)) > 0


def test_a_clip_without_a_person_has_no_iou() -> None:
    empty = scores([(left(0), left(0))])
    assert math.isnan(empty.iou)
    assert mean_scores([empty, scores([(left(8), left(8))])]).iou == 1
