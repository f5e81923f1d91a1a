"""A command that decodes files runs in a process of its own: a codec that crashes costs one line, not a core dump."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from types import FrameType
from typing import Final

from server.cli.console import warn
from server.config.interpreter import python_command, python_environment

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def walled(arguments: Sequence[str], source: Path, targets: Sequence[Path]) -> int:
    """Run `greenroom` with the arguments as a child, signals included; return its exit status.

    Where it does not end well, what it had begun to write is removed.
    """
    # In a group of its own, so that Ctrl-C reaches it once.
    child = subprocess.Popen(python_command("server", *arguments), env=python_environment(), process_group=0)

    def forward(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.getsignal(number) for number in FORWARDED}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # else it is nohup's, and the work goes on
            signal.signal(number, forward)
    try:
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if status:
        for target in targets:
            for part in target.parent.glob(f".{escape(target.name)}.{child.pid}-*.part"):
                part.unlink(missing_ok=True)
    if status < 0 and -status not in FORWARDED:
        warn(f"{source}: cannot be filtered: a codec crashed over it ({signal.strsignal(-status)})")
        return 1
    return status if status >= 0 else 128 - status


def end_with_parent() -> None:
    """Have this process ended when the one that started it is; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
