"""Pictures are no blockier than they are, rubbish of a decoder's is."""

from __future__ import annotations

import numpy as np
import pytest

from filters.blockiness import blockiness
from tests.support.camera import Camera


def test_pictures_without_borders_are_not_blocky() -> None:
    luma = Camera(320, 180).frame(0)[..., 1]
    assert blockiness(luma) == pytest.approx(1.0, abs=0.15)
    for shape in ((1, 1), (17, 40), (18, 40), (180, 320)):
        assert blockiness(np.full(shape, 90, np.uint8)) == 1.0


def test_blocks_from_anywhere_do_not_fit_together() -> None:
    luma = Camera(320, 192).frame(0)[..., 1]
    blocks = luma.reshape(12, 16, 20, 16).transpose(0, 2, 1, 3).reshape(-1, 16, 16)
    mixed = np.random.default_rng(1).permutation(blocks).reshape(12, 20, 16, 16)
    assert blockiness(mixed.transpose(0, 2, 1, 3).reshape(192, 320)) > 2
