"""A worker of the product whose network can be made to fail: started by benchmarks.chaos_server in its place.

The file that $CHAOS_FAULT names holds what the network does: nothing special, or a fault of
tests.support.faulty_network.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from filters.base import Alpha, Planes
from filters.matting.segmenter import Box, Segmenter
from server.media.workers import program
from tests.support.faulty_network import fail

VARIABLE = "CHAOS_FAULT"


def install(file: Path) -> None:
    """Have every network of this process do what the file says."""
    stock = Segmenter.__call__

    def faulty(
        segmenter: Segmenter, planes: Planes, box: Box | None = None, pixels: int | None = None
    ) -> Alpha:
        failed = fail(file.read_text(encoding="utf-8"))
        return stock(segmenter, planes, box, pixels) if failed is None else failed

    setattr(Segmenter, stock.__name__, faulty)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # it fails on purpose
    install(Path(os.environ[VARIABLE]))
    program.main(*sys.argv[1:])
