"""Text behind a blur, read by somebody who knows the font, the place of each letter, and the blur."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filters.backgrounds.blur import Blur, Strength
from filters.base import Plane, Planes

WIDTH, HEIGHT, PITCH, TOP, LEFT, LINE = 640, 360, 28, 160, 100, 36
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIGMA: Final[dict[Strength, float]] = {"soft": 18.0, "strong": 54.0}
Picture = NDArray[np.float64]


def letter(character: str) -> Plane:
    """Return a capital 24 px high."""
    tile = np.full((LINE, PITCH), 170, np.uint8)
    cv2.putText(tile, character, (2, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.12, (20,), 3, cv2.LINE_AA)
    return tile


TEMPLATES: Final = {c: letter(c).astype(np.float64) for c in ALPHABET}


def wall(text: str) -> Planes:
    y = np.full((HEIGHT, WIDTH), 170, np.uint8)
    for i, character in enumerate(text):
        y[TOP : TOP + LINE, LEFT + PITCH * i : LEFT + PITCH * (i + 1)] = TEMPLATES[character]
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return Planes(y, grey, grey)


def deconvolved(picture: Picture, sigma: float, noise: float) -> Picture:
    """Wiener's filter against a Gaussian."""
    fy, fx = np.fft.fftfreq(HEIGHT)[:, None], np.fft.fftfreq(WIDTH)[None]
    response = np.exp(-2 * np.pi**2 * sigma**2 * (fx**2 + fy**2))
    spectrum = np.fft.fft2(picture - picture.mean()) * response / (response**2 + noise)
    return np.asarray(np.real(np.fft.ifft2(spectrum)))


def normalised(tile: Picture) -> Picture:
    """Return a tile as a vector of mean 0 and length 1, so that a product is a correlation."""
    vector = tile.ravel() - tile.mean()
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-9))


MATCHER: Final = np.stack([normalised(TEMPLATES[c]) for c in ALPHABET])


def read(picture: Picture, count: int) -> str:
    """Return the letters that correlate best."""
    boxes = (np.s_[TOP : TOP + LINE, LEFT + PITCH * i : LEFT + PITCH * (i + 1)] for i in range(count))
    return "".join(ALPHABET[int((MATCHER @ normalised(picture[box])).argmax())] for box in boxes)


def test_the_reader_reads_what_is_not_blurred() -> None:
    assert read(wall("GREENROOM").y.astype(np.float64), 9) == "GREENROOM"


@pytest.mark.parametrize(("strength", "share"), [("soft", 0.2), ("strong", 0.12)])
def test_letters_24_px_high_are_hardly_more_than_guessed(strength: Strength, share: float) -> None:
    rng = np.random.default_rng(0)
    attempts: dict[tuple[float, float], int] = {}
    nobody = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(8):
        text = "".join(rng.choice(list(ALPHABET), 12))
        seen = Blur(strength).paint(wall(text), nobody, 0.0).y.astype(np.float64)
        for noise in (np.inf, 1e-2, 1e-3, 1e-4, 1e-5):
            for scale in (0.7, 1.0, 1.3):
                picture = seen if noise == np.inf else deconvolved(seen, SIGMA[strength] * scale, noise)
                right = sum(a == b for a, b in zip(read(picture, 12), text, strict=True))
                attempts[noise, scale] = attempts.get((noise, scale), 0) + right
    assert max(attempts.values()) / 96 < share


pytestmark = pytest.mark.slow
