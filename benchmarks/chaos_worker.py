"""A worker of the product whose network can be made to fail: started by benchmarks.chaos_server in its place.

The file that $CHAOS_FAULT names holds what the network does: nothing special, or one of FAULTS.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

import numpy as np

from filters.base import Alpha, FilterError, Planes
from filters.matting.segmenter import Box, Segmenter
from server.media.workers import program

VARIABLE = "CHAOS_FAULT"
FAULTS = ("throw", "nan", "slow", "zeros", "shape")
SLOW = 0.2  # seconds


def install(file: Path) -> None:
    """Have every network of this process do what the file says."""
    stock = Segmenter.__call__

    def faulty(
        segmenter: Segmenter, planes: Planes, box: Box | None = None, pixels: int | None = None
    ) -> Alpha:
        match file.read_text(encoding="utf-8"):
            case "throw":
                raise RuntimeError("thrown on purpose")
            case "nan":
                raise FilterError("the network's output is not finite")
            case "zeros":
                return np.zeros((16, 16), np.float32)
            case "shape":
                return np.zeros((0, 3), np.float32)
            case "slow":
                time.sleep(SLOW)
        return stock(segmenter, planes, box, pixels)

    setattr(Segmenter, stock.__name__, faulty)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # it fails on purpose
    install(Path(os.environ[VARIABLE]))
    program.main(*sys.argv[1:])
