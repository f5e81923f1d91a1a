"""The motion between two small pictures."""

import cv2
import numpy as np
import pytest

from filters.base import Plane
from filters.matting.motion import STILL, Tracker, scaled, warped

EVERYWHERE = np.full((45, 80), 255, np.uint8)


def picture() -> Plane:
    noise = np.random.default_rng(3).random((45, 80)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.uint8(255 * (smooth - smooth.min()) / (smooth.max() - smooth.min()))  # type: ignore[return-value]


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, 0.0), (-0.8, 0.4), (0.1, -1.0)])
def test_a_shift_is_found(shift: tuple[float, float]) -> None:
    motion = STILL.copy()
    motion[:, 2] = shift
    moved = warped(picture(), motion)
    found = Tracker(picture()).motion(moved, EVERYWHERE, 5.0)
    middle = found @ np.array([40, 22, 1], np.float32) - (40, 22)
    assert np.abs(middle - shift).max() < 0.15


def test_a_zoom_is_found() -> None:
    motion = np.array([[1.02, 0, -0.8], [0, 1.02, -0.45]], np.float32)
    moved = warped(picture(), motion)
    found = Tracker(picture()).motion(moved, EVERYWHERE, 5.0)
    assert found[0, 0] == pytest.approx(1.02, abs=0.006)


def test_only_what_is_weighted_counts() -> None:
    weights = np.zeros((45, 80), np.uint8)
    weights[:, :40] = 255
    other = picture()
    other[:, 42:] = 0
    assert np.abs(Tracker(picture()).motion(other, weights, 5.0) - STILL).max() < 0.02


def test_beyond_the_limit_and_without_texture_it_is_still() -> None:
    flat = np.full((45, 80), 90, np.uint8)
    assert np.abs(Tracker(flat).motion(flat + np.uint8(5), EVERYWHERE, 5.0) - STILL).max() < 1e-3
    motion = STILL.copy()
    motion[0, 2] = 1.0
    assert Tracker(picture()).motion(warped(picture(), motion), EVERYWHERE, 0.5) is STILL


def test_a_motion_on_a_finer_grid_moves_the_same_things() -> None:
    motion = np.array([[1.05, 0.02, 0.6], [-0.02, 1.05, -0.3]], np.float32)
    coarse = picture()
    fine = cv2.resize(coarse, (320, 180), interpolation=cv2.INTER_CUBIC)
    moved: Plane = cv2.resize(  # type: ignore[assignment]
        warped(np.asarray(fine, np.uint8), scaled(motion, 4)), (80, 45), interpolation=cv2.INTER_AREA
    )
    inner = np.s_[6:-6, 6:-6]
    assert np.abs(moved[inner].astype(int) - warped(coarse, motion)[inner]).mean() < 2
    assert scaled(STILL, 4) is STILL
