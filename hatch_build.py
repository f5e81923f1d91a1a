"""Builds the filter's C kernels where there is a C compiler; without one, the filter uses OpenCV and numpy alone.

`pip install -e .` puts the library beside its sources, a wheel carries it. CC and CFLAGS are respected.
`python hatch_build.py` builds it in place and says what went wrong where it can't.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a program
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "filters" / "kernels" / "src"
LIBRARY = ROOT / "filters" / "kernels" / "_native.abi3.so"
# Contracting a * b + c to one rounding would give other results on machines that can.
FLAGS = "-O3 -std=c11 -fPIC -fvisibility=hidden -ffp-contract=off -fno-trapping-math -fno-math-errno"
VARIANTS = {"baseline": ""}
if platform.machine().lower() in ("x86_64", "amd64"):
    VARIANTS["avx2"] = "-mavx2"


class CompilerError(Exception):
    """The kernels could not be built; the message says why."""


def digest() -> str:
    """Return what tells one version of the sources from another; filters/kernels compares it with the library's."""
    sources = sorted(SOURCES.iterdir())
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def build() -> None:
    """Compile the kernels into LIBRARY; raises CompilerError, and leaves no library that is older than the sources."""
    LIBRARY.unlink(missing_ok=True)
    if os.name != "posix" or sys.maxsize < 2**32:
        raise CompilerError("the kernels are built on 64-bit POSIX systems only")
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    flags = [*shlex.split(FLAGS), *shlex.split(os.environ.get("CFLAGS", ""))]
    include = f"-I{sysconfig.get_path('include')}"
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for name, target in VARIANTS.items():
            objects.append(f"{folder}/{name}.o")
            options = [*flags, *shlex.split(target), f"-DVARIANT={name}"]
            _run([*compiler, *options, "-c", str(SOURCES / "kernels.c"), "-o", objects[-1]])
        objects.append(f"{folder}/module.o")
        source = [f'-DSOURCE="{digest()}"', include, "-c", str(SOURCES / "module.c"), "-o", objects[-1]]
        _run([*compiler, *flags, *source])
        shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
        finished = Path(folder, LIBRARY.name)
        _run([*compiler, *flags, *shared, *objects, "-o", str(finished)])
        # Written beside and renamed, so that a server that has the old one open keeps it.
        beside = LIBRARY.with_suffix(".new")
        beside.write_bytes(finished.read_bytes())
        beside.replace(LIBRARY)


def _run(command: list[str]) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompilerError(f"{command[0]}: {error.strerror}") from error
    if result.returncode:
        raise CompilerError(f"{shlex.join(command)}\n{result.stderr.strip()}")


class KernelsHook(BuildHookInterface):  # type: ignore[misc]
    """Hatchling's hook: builds the library, and makes the wheel one for this platform if that worked."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build for a wheel or an editable install; a failure is reported and leaves a wheel without library."""
        if self.target_name != "wheel":
            return
        try:
            build()
        except CompilerError as error:
            self.app.display_warning(f"Without C kernels, the filter will be slower: {error}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"].append(str(LIBRARY.relative_to(ROOT)))


if __name__ == "__main__":
    try:
        build()
    except CompilerError as error:
        sys.exit(str(error))
