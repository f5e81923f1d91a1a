"""What the scenes are painted with: gradients, noise, masks, light and focus.

An image is floating point (720, 1280, 3), red first, sRGB-coded in [0, 1]; a mask is (720, 1280).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

WIDTH: Final = 1280  # pixels, as HEIGHT: the largest picture that is sent by default
HEIGHT: Final = 720
Image: TypeAlias = NDArray[np.floating[Any]]
Mask: TypeAlias = NDArray[np.floating[Any]]
Line: TypeAlias = NDArray[np.floating[Any]]
"""The height in pixels of a contour at every column: (1280,)."""
Random: TypeAlias = np.random.Generator

X: Final[Mask] = np.tile(np.arange(WIDTH, dtype=np.float32), (HEIGHT, 1))
Y: Final[Mask] = np.tile(np.arange(HEIGHT, dtype=np.float32)[:, None], (1, WIDTH))


def rgb(code: str) -> NDArray[np.float32]:
    return np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def mix(first: str, second: str, share: float) -> NDArray[np.float32]:
    return rgb(first) * np.float32(1 - share) + rgb(second) * np.float32(share)


def gradient(*stops: tuple[float, str], along: Mask = Y / HEIGHT) -> Image:
    """Return colours that follow `along`, by default from the top (0) to the bottom (1)."""
    places = [place for place, _ in stops]
    colours = np.array([rgb(code) for _, code in stops])
    steps = np.linspace(places[0], places[-1], 1024)
    table = np.stack([np.interp(steps, places, colours[:, c]) for c in range(3)], axis=1)
    table = cv2.GaussianBlur(table, (1, 0), sigmaX=0.1, sigmaY=30, borderType=cv2.BORDER_REPLICATE)
    at = (along - places[0]) / (places[-1] - places[0]) * 1023
    return np.stack([np.interp(at, np.arange(1024), table[:, c]) for c in range(3)], axis=2).astype(
        np.float32
    )


def flat(code: str) -> Image:
    return np.broadcast_to(rgb(code), (HEIGHT, WIDTH, 3)).astype(np.float32)


def noise(random: Random, size: float, octaves: int = 4, stretch: float = 1) -> Mask:
    """Return fractal value noise, mean 0 deviation 1; the largest blobs are `size` pixels wide."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(octaves):
        cell = size / 2**octave
        shape = (max(round(HEIGHT / cell), 1) + 3, max(round(WIDTH / cell / stretch), 1) + 3)
        grid = random.standard_normal(shape).astype(np.float32)
        total += cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * np.float32(0.5**octave)
    result: Mask = (total - total.mean()) / total.std()
    return result


def contour(
    random: Random, base: float, swing: float, size: float, octaves: int = 6, rough: float = 0.5
) -> Line:
    """Return a fractal line around `base`, `swing` pixels up and down."""
    total = np.zeros(WIDTH)
    for octave in range(octaves):
        knots = np.arange(-1, WIDTH / size * 2**octave + 3)
        heights = random.uniform(-1, 1, len(knots))
        total += np.interp(np.arange(WIDTH) / size * 2**octave, knots, heights) * rough**octave
    return (base + swing * total).astype(np.float32)


def below(line: ArrayLike, softness: float = 1) -> Mask:
    """Return the mask of what lies under a contour."""
    mask: Mask = np.clip((Y - np.asarray(line, np.float32)) / np.float32(softness) + 0.5, 0, 1)
    return mask


def polygon(*points: tuple[float, float]) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    corners = np.round(np.array(points) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def box(left: float, top: float, right: float, bottom: float) -> Mask:
    return polygon((left, top), (right, top), (right, bottom), (left, bottom))


def ellipse(x: float, y: float, across: float, down: float, angle: float = 0) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    centre, axes = (round(x * 16), round(y * 16)), (round(across * 16), round(down * 16))
    cv2.ellipse(mask, centre, axes, angle, 0, 360, 255, -1, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def glow(x: float, y: float, across: float, down: float | None = None) -> Mask:
    """Return light that falls off around a point: 1 there, 0.5 at the given distance."""
    distance = ((X - x) / across) ** 2 + ((Y - y) / (down or across)) ** 2
    result: Mask = 1 / (1 + distance) ** 1.5
    return result.astype(np.float32)


def blend(image: Image, mask: Mask, colour: ArrayLike) -> Image:
    """Paint a colour or an image over `image` where `mask` is."""
    weight = mask[..., None]
    return (image * (1 - weight) + np.asarray(colour, np.float32) * weight).astype(np.float32)


def soften(image: Image, sigma: float) -> Image:
    result = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(result, np.float32)


def to_light(image: Image) -> Image:
    """Decode to linear light, roughly: a power of 2.2."""
    light: Image = np.maximum(image, 0) ** np.float32(2.2)
    return light


def to_code(light: Image) -> Image:
    """Encode linear light; what is too bright rolls off."""
    rolled = np.where(light > 0.7, 0.7 + 0.3 * np.tanh((light - 0.7) / 0.3), light)
    code: Image = np.maximum(rolled, 0).astype(np.float32) ** np.float32(1 / 2.2)
    return code


def defocus(image: Image, radius: float) -> Image:
    """Blur as a lens does: every point becomes a disc, in linear light."""
    side = int(radius) * 2 + 3
    disc = np.zeros((side, side), np.uint8)
    centre = (side // 2 * 16, side // 2 * 16)
    cv2.circle(disc, centre, round(radius * 16), 255, -1, cv2.LINE_AA, shift=4)
    kernel = disc.astype(np.float32) / disc.sum()
    return to_code(
        np.asarray(cv2.filter2D(to_light(image), -1, kernel, borderType=cv2.BORDER_REFLECT), np.float32)
    )
