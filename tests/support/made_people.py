"""People and rooms that nobody has taken a picture of."""

import numpy as np

from models.training.data.pictures import Picture, Plane


def made_alpha(height: int, width: int, *, bust: bool) -> Plane:
    """A head on shoulders, cut at the waist, or somebody standing with room around them."""
    rows, columns = np.mgrid[:height, :width]
    x, y = (columns - width / 2) / width, rows / height
    head = (x / 0.14) ** 2 + ((y - 0.22) / (0.14 * width / height)) ** 2 < 1
    body = (np.abs(x) < (0.32 if bust else 0.16)) & (y > 0.34) & (y < (2 if bust else 0.95))
    return np.where(head | body, 255, 0).astype(np.uint8)


def made_colours(height: int, width: int, hue: tuple[int, int, int]) -> Picture:
    noise = np.random.default_rng(sum(hue)).integers(-20, 20, (height, width, 3))
    return np.clip(np.array(hue) + noise, 0, 255).astype(np.uint8)
