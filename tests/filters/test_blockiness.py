"""Pictures are no blockier than they are, rubbish of a decoder's is."""

from __future__ import annotations

import numpy as np
import pytest

from filters.base import Plane
from filters.blockiness import BlockWatch, blockiness
from tests.support.camera import Camera


def test_pictures_without_borders_are_not_blocky() -> None:
    luma = Camera(320, 180).frame(0)[..., 1]
    assert blockiness(luma) == pytest.approx(1.0, abs=0.15)
    for shape in ((1, 1), (17, 40), (18, 40), (180, 320)):
        assert blockiness(np.full(shape, 90, np.uint8)) == 1.0


def mixed(luma: Plane, share: float = 1.0) -> Plane:
    """Return a picture of whole macroblocks of which a share has come from elsewhere."""
    rng, (height, width) = np.random.default_rng(1), luma.shape
    rubbish = luma.copy()
    for y, x in np.argwhere(rng.random((height // 16, width // 16)) < share) * 16:
        at, left = rng.integers(0, height // 16) * 16, rng.integers(0, width // 16) * 16
        rubbish[y : y + 16, x : x + 16] = luma[at : at + 16, left : left + 16]
    return rubbish


def test_blocks_from_anywhere_do_not_fit_together() -> None:
    rubbish = mixed(Camera(320, 192).frame(0)[..., 1])
    assert blockiness(rubbish) > 2
    assert blockiness(rubbish.T) > 2


def test_what_is_much_blockier_than_before_is_doubted_and_does_not_become_usual() -> None:
    luma = Camera(320, 192).frame(0)[..., 1]
    watch, rubbish = BlockWatch(), mixed(luma)
    assert not watch.doubts(luma, anew=True)
    assert all(watch.doubts(rubbish, anew=False) for _ in range(100))
    assert not watch.doubts(luma, anew=False)
    assert not watch.doubts(rubbish, anew=True)
    assert not watch.doubts(rubbish, anew=False)
