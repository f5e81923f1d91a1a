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

from server.cli.console import ENDING, handling, warn
from server.config.interpreter import python_command, python_environment

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def walled(arguments: Sequence[str], source: Path, targets: Sequence[Path]) -> int:
    """Run `greenroom` with the arguments as a child, signals included; return its exit status.

    Where it does not end well, what it had begun to write is removed.
    """
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []  # signals that came before there was a child

    def forward(number: int, _frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    with handling(forward):
        # In a group of its own, so that Ctrl-C reaches it once.
        child = subprocess.Popen(
            python_command("server", *arguments), env=python_environment(), process_group=0
        )
        for number in early:
            child.send_signal(number)
        status = child.wait()
    if status:
        for target in targets:
            for part in target.parent.glob(f".{escape(target.name)}.{child.pid}-*.part"):
                part.unlink(missing_ok=True)
    if status < 0 and -status not in ENDING:
        warn(f"{source}: cannot be filtered: a codec crashed over it ({signal.strsignal(-status)})")
        return 1
    return status if status >= 0 else 128 - status


def end_with_parent() -> None:
    """Have this process ended when the one that started it is; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
