"""The filter's loops over pixels in C, each one pass where OpenCV and numpy need several.

The library is built with the package where there is a compiler (hatch_build.py). Everything works without it, too:
each kernel has a counterpart in OpenCV and numpy, and the tests hold both together. A kernel writes its last arguments
and returns True; it returns False, having written nothing, where it doesn't take what is given:

    if not kernels.native.composite(...):
        ...  # the same by OpenCV

FILTER_KERNELS in the environment chooses another variant than the best one: `avx2`, `baseline`, or `none`.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

Kernel: TypeAlias = Callable[..., bool]

NAMES = (
    "composite",
    "own_colours",
    "enlarge",
    "quantize",
    "smooth",
    "room_distance",
    "room_correct",
    "guide",
    "track",
    "warp",
    "surprise",
    "to_network",
)


def _absent(*arguments: object) -> bool:
    return False


class Kernels:
    """The kernels of a built library, or of none; see src/module.c for what each takes.

    `variant` is the name of the instruction set, `none` where there is no library; `reason` says why not.
    """

    composite: Kernel
    own_colours: Kernel
    enlarge: Kernel
    quantize: Kernel
    smooth: Kernel
    room_distance: Kernel
    room_correct: Kernel
    guide: Kernel
    track: Kernel
    warp: Kernel
    surprise: Kernel
    to_network: Kernel

    def __init__(self, library: ModuleType | None, reason: str = "") -> None:
        self.variant: str = library.variant() if library else "none"
        self.reason = reason
        for name in NAMES:
            setattr(self, name, getattr(library, name, _absent))


def load(wanted: str = "") -> Kernels:
    """Return the kernels of the variant (empty: the best one); those of no library where it can't be had."""
    if wanted == "none":
        return Kernels(None, "FILTER_KERNELS is none")
    try:
        library = importlib.import_module("filters.kernels._native")
    except ImportError as error:
        return Kernels(None, f"not built: {error}")
    if _digest() != library.SOURCE:
        return Kernels(None, "built from other sources; install the package again")
    if wanted and not library.use(wanted):
        return Kernels(None, f"{wanted} is no variant that this processor runs")
    return Kernels(library)


def _digest() -> str:
    """Return what hatch_build.py writes into the library, so that one of other sources is told."""
    sources = sorted(Path(__file__).with_name("src").iterdir())
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


native = load(os.environ.get("FILTER_KERNELS", ""))
