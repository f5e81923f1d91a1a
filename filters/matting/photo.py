"""The matte of a photo: no time to go by and none to lose, so many looks instead of one.

What these small networks get wrong depends on how the person is framed; the median over several frames around the
person, several scales and both mirror images is right more often than any one of them.
"""

from __future__ import annotations

import numpy as np

from filters.base import Alpha, Plane, Planes
from filters.matting import edges
from filters.matting.components import keep_people
from filters.matting.follow import Follow, FollowState, Target
from filters.matting.grid import cell_size, fit, work_of
from filters.matting.matte import MatteOptions, Network
from filters.matting.matting import MatteFrame, PlateState
from filters.matting.region import bounds, paste
from filters.matting.segmenter import Box
from filters.matting.unmixing import unmixed
from filters.planes import above, flipped, mirrored, resized, to_plane

# Chosen around the values for streams; no benchmark measures photos.
GRID_SIDE = 640  # px: twice a stream's work grid, as time is no matter
GUIDE_RADIUS = 3  # px of the grid; chosen, a stream's edges.RADIUS is 2
FIRST_PIXELS = 65_536  # network px: 256x256, the general network's own input
PIXELS = (40_000, 49_152, 65_536, 89_600)  # network px: around region.BOX_PIXELS, up to FULL_PIXELS
PADDINGS = (0.05, 0.1, 0.2)  # shares of the person's longer side: around region.PADDING


class PhotoMatte:
    """Takes photos one by one; it may stand where a Matte does and has no delay."""

    delay = 0
    network_interval = 1.0
    plate: PlateState = "none"

    def __init__(self, network: Network, options: MatteOptions | None = None) -> None:
        self._network = network
        low, high = edges.LEVELS
        self._stretch = edges.stretching(low, high, (options or MatteOptions()).privacy)
        self._target: Target | None = None
        self.followed: FollowState = "off"

    def push(self, planes: Planes) -> MatteFrame:
        """Return the photo with its matte. Errors of the network pass through."""
        return MatteFrame(planes, self.alpha(planes))

    def alpha(self, planes: Planes) -> Plane:
        """Return the matte, uint8, at luma size. Errors of the network pass through."""
        size = fit(planes.size, GRID_SIDE)
        first = _at(self._network(planes, None, FIRST_PIXELS), size)
        looks = [self._look(planes, box, n, size) for box in _boxes(first, planes.size) for n in PIXELS]
        mirror = mirrored(planes)
        back = _at(self._network(mirror, None, FIRST_PIXELS), size)
        looks += [
            flipped(self._look(mirror, box, n, size)) for box in _boxes(back, planes.size) for n in PIXELS
        ]
        alpha = keep_people(np.median(np.stack(looks), axis=0).astype(np.uint8))
        work = work_of(planes, GRID_SIDE)
        alpha = unmixed(alpha, edges.guided(alpha, work.y, GUIDE_RADIUS), work)
        if self._target is not None:
            follow = Follow(self._target)
            alpha = follow.limit(alpha, work)
            self.followed = follow.state
        return self._stretch(resized(alpha, planes.size))

    def flush(self) -> None:
        """Do nothing: no photo waits."""

    def record_plate(self) -> None:
        """Do nothing: a photo has no frame without anybody."""

    def use_plate(self, planes: Planes | None) -> None:
        """Do nothing: only videos use a plate."""

    def follow(self, target: Target | None) -> None:
        """See Matting."""
        self._target = target
        self.followed = "off" if target is None else "lost"

    def reset(self) -> None:
        """Do nothing: one photo knows nothing of another."""

    def _look(self, planes: Planes, box: Box, pixels: int, size: tuple[int, int]) -> Plane:
        return paste(self._network(planes, box, pixels), box, planes.size, size)


def _at(alpha: Alpha, size: tuple[int, int]) -> Plane:
    return resized(to_plane(alpha, 255.0), size)


def _boxes(alpha: Plane, size: tuple[int, int]) -> list[Box]:
    """Return the boxes around the people of a first matte; the whole photo where there are none."""
    cells = resized(alpha, cell_size((alpha.shape[1], alpha.shape[0])))
    boxes = [bounds(above(cells, 127), size, padding) for padding in PADDINGS]
    return [box or (0, 0, *size) for box in boxes]
