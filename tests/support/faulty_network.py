"""What a network does that fails, for servers and workers that are made to fail on purpose."""

from __future__ import annotations

import time

import numpy as np

from filters.base import Alpha, FilterError

SLOW = 0.2  # seconds


def fail(fault: str) -> Alpha | None:
    """Fail so, as a Segmenter would; None where the network still has to look, as it does with any other word."""
    match fault:
        case "throw":
            raise RuntimeError("thrown on purpose")
        case "nan":
            raise FilterError("the network's output is not finite")
        case "ones":
            return np.ones((16, 16), np.float32)
        case "zeros":
            return np.zeros((16, 16), np.float32)
        case "shape":
            return np.zeros((0, 3), np.float32)
        case "slow":
            time.sleep(SLOW)
    return None
