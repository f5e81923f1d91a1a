"""The filter's loops over pixels in C, each one pass where OpenCV and numpy need several.

The library is built with the package where there is a compiler (hatch_build.py). Everything works without it, too:
each kernel has a counterpart in OpenCV and numpy, and the tests hold both together. A kernel writes its last arguments
and returns True; it returns False, having written nothing, where it doesn't take what is given:

    if not kernels.native.composite(...):
        ...  # the same by OpenCV

NATIVE_CODE in the environment chooses another variant than the best one: `avx2`, `baseline`, or `none`, which is for
all C extensions.
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

CHOICE = "NATIVE_CODE"

NAMES = (
    "composite",
    "composite_crop",
    "own_colours",
    "enlarge",
    "quantize",
    "smooth",
    "room_distance",
    "room_correct",
    "guide",
    "unmix",
    "track",
    "warp",
    "surprise",
    "to_network",
    "cells",
    "fill",
)


def _absent(*arguments: object) -> bool:
    return False


class Kernels:
    """The kernels of a built library, or of none; see src/module.c for what each takes.

    `variant` is the name of the instruction set, `none` where there is no library; `reason` says why not.
    """

    composite: Kernel
    composite_crop: Kernel
    own_colours: Kernel
    enlarge: Kernel
    quantize: Kernel
    smooth: Kernel
    room_distance: Kernel
    room_correct: Kernel
    guide: Kernel
    unmix: Kernel
    track: Kernel
    warp: Kernel
    surprise: Kernel
    to_network: Kernel
    cells: Kernel
    fill: Kernel

    def __init__(self, library: ModuleType | None, reason: str = "") -> None:
        self.variant: str = library.variant() if library else "none"
        self.reason = reason
        for name in NAMES:
            setattr(self, name, getattr(library, name, _absent))


def load(wanted: str = "") -> Kernels:
    """Return the kernels of the variant (empty: the best one); those of no library where it can't be had."""
    try:
        found = library("filters.kernels._native", wanted)
    except ImportError as error:
        return Kernels(None, str(error))
    if wanted and not found.use(wanted):
        return Kernels(None, f"{wanted} is no variant that this processor runs")
    return Kernels(found)


def library(name: str, wanted: str = "") -> ModuleType:
    """Return a C extension that hatch_build.py has built, by its name in Python.

    Raises ImportError, and says why, where it isn't built, is of other sources than those beside it, or is not wanted.
    """
    if wanted == "none":
        raise ImportError(f"{CHOICE} is none")
    try:
        found = importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"not built: {error}") from error
    if digest(Path(str(found.__file__)).with_name("src")) != found.SOURCE:
        raise ImportError("built from other sources; install the package again")
    return found


def digest(folder: Path) -> str:
    """Return what hatch_build.py writes into a library, so that one of other sources is told."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.iterdir()))).hexdigest()


WANTED = os.environ.get(CHOICE, "")
native = load(WANTED)
