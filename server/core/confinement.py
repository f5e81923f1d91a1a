"""A process that decodes what a stranger sent: what it may take, and what it can't reach."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import Final

from server.core.core_dumps import forbid_core_dumps

NICENESS: Final = 5
"""What is received and sent must not wait for pictures that are worked on."""
PR_SET_NO_NEW_PRIVS: Final = 38  # linux/prctl.h
CLONE_NEWUSER: Final = 0x1000_0000  # linux/sched.h
CLONE_NEWNET: Final = 0x4000_0000  # linux/sched.h


def confine(memory: int, seconds: int) -> None:
    """Let this process take so many more bytes and seconds of CPU, and open and write nothing more, sockets included.

    To be called when all has been imported. What a system can't limit (macOS: memory) stays as it is.
    """
    forbid_core_dumps()
    os.nice(NICENESS)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_FSIZE, 0)
    if sys.platform == "linux":
        _limit(resource.RLIMIT_AS, _address_space() + memory)
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)  # where the kernel allows it, a network without interfaces
    # A socket is a descriptor; this holds everywhere.
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (value, value))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
