"""How Greenroom starts Python once more: with its own modules, whatever lies in the current directory.

`python -m` puts the current directory first on the path, so that a stray `server.py` or `numpy.py` there would run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from server.config.options import ROOT

SECRETS = "GREENROOM_"
"""What names of options in the environment begin with; keys and tokens are among them."""


def python_command(module: str, *words: str) -> list[str]:
    """Return the command that runs a module of ours. It needs python_environment."""
    return [sys.executable, "-P", "-m", module, *words]


def python_environment() -> dict[str, str]:
    """Return this process's environment without options of ours, and with a path that no working directory changes."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(SECRETS)}
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), *(p for p in given if Path(p).is_absolute())])}
