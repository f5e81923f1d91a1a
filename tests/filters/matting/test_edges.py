"""The edge of a matte."""

from itertools import pairwise

import numpy as np
import pytest

from filters.matting.edges import guided, stretching, uncertain_box


def test_the_edge_moves_to_that_of_the_picture() -> None:
    luma = np.full((90, 160), 40, np.uint8)
    luma[:, 80:] = 200
    matte = np.zeros((90, 160), np.uint8)
    matte[:, 82:] = 255
    matte[:, 78:82] = (51, 102, 153, 204)
    got = stretching(0.2, 0.85, 0.0)(guided(matte, luma)).astype(int)
    truth = np.where(luma > 100, 255, 0)
    assert np.abs(got - truth).sum() < 0.7 * np.abs(matte.astype(int) - truth).sum()


def test_a_flat_picture_leaves_the_matte_soft() -> None:
    matte = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (40, 1))
    got = guided(matte, np.full_like(matte, 128))
    assert np.abs(got[:, 8:-8].astype(int) - matte[:, 8:-8]).max() <= 3


@pytest.mark.parametrize("value", [0, 255])
def test_a_certain_matte_is_left_alone(value: int) -> None:
    matte = np.full((90, 160), value, np.uint8)
    assert uncertain_box(matte) is None
    assert guided(matte, np.zeros_like(matte)) is matte


@pytest.mark.parametrize("shape", [(16, 16), (17, 320)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    matte = np.full(shape, 100, np.uint8)
    assert guided(matte, matte).shape == shape


LEVELS = np.arange(256, dtype=np.uint8)[None]


def test_levels_and_privacy() -> None:
    plain = stretching(0.0, 1.0, 0.0)(LEVELS)[0]
    assert np.array_equal(plain, np.arange(256))
    stretched = stretching(0.2, 0.85, 0.0)(LEVELS)[0]
    assert stretched[51] == 0
    assert stretched[217] == 255
    private = stretching(0.0, 1.0, 0.2)(LEVELS)[0]
    assert private[51] == 0
    assert private[255] == 255
    assert np.all(private <= plain)


def test_more_privacy_never_shows_more() -> None:
    tables = [stretching(0.2, 0.85, s)(LEVELS) for s in (0.0, 0.2, 0.5, 0.9, 1.0)]
    for less, more in pairwise(tables):
        assert np.all(more <= less)
