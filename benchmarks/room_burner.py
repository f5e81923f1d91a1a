"""Another program on the same machine: `python -m benchmarks.room_burner SHARE` takes that share of a core."""

from __future__ import annotations

import sys
import time

PERIOD = 0.02  # seconds; shorter than what a frame may wait; chosen


def burn(share: float) -> None:
    """Work for a share of every PERIOD, until the process is ended."""
    while True:
        start = time.monotonic()
        while time.monotonic() - start < share * PERIOD:
            pass
        time.sleep(max(0.0, start + PERIOD - time.monotonic()))


if __name__ == "__main__":
    burn(float(sys.argv[1]))
