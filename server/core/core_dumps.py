"""A process that crashes must not leave its memory, pictures of rooms included, on a disk."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

PR_SET_DUMPABLE: Final = 4  # linux/prctl.h


def forbid_core_dumps() -> None:
    """Write no core file for this process, whatever the machine's settings are.

    Linux ignores the limit where cores are piped to a program (core(5)), hence the second step there; exec undoes
    that one, so every process calls this for itself.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
