"""Builds the C extensions where there is a C compiler; without one, OpenCV, numpy and Python do their work.

`pip install -e .` puts the libraries beside their sources, a wheel carries them. CC and CFLAGS are respected.
`python hatch_build.py` builds them in place and says what went wrong where it can't.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a program
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
# Contracting a * b + c to one rounding would give other results on machines that can.
FLAGS = "-O3 -std=c11 -fPIC -fvisibility=hidden -ffp-contract=off -fno-trapping-math -fno-math-errno"
VARIANTS = {"baseline": ""}
if platform.machine().lower() in ("x86_64", "amd64"):
    VARIANTS["avx2"] = "-mavx2"


class CompilerError(Exception):
    """The extensions could not be built; the message says why."""


class Extension(NamedTuple):
    """A library to build: `folder`/`name`.abi3.so from the sources in `folder`/src, one of which is `module`."""

    folder: Path
    name: str
    module: str
    kernels: str = ""
    """A source that is compiled for each of VARIANTS."""

    @property
    def library(self) -> Path:
        return self.folder / f"{self.name}.abi3.so"

    def digest(self) -> str:
        """Return what tells one version of the sources from another; filters.kernels.library compares it."""
        sources = sorted((self.folder / "src").iterdir())
        return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


EXTENSIONS = [Extension(ROOT / "filters" / "kernels", "_native", "module.c", "kernels.c")]
if sys.platform == "linux":
    EXTENSIONS.append(Extension(ROOT / "server" / "media" / "rtc", "_datagrams", "datagrams.c"))


def build(extensions: Sequence[Extension]) -> None:
    """Compile the extensions; raises CompilerError, and leaves no library that is older than its sources."""
    for extension in extensions:
        extension.library.unlink(missing_ok=True)
    if os.name != "posix" or sys.maxsize < 2**32:
        raise CompilerError("the extensions are built on 64-bit POSIX systems only")
    for extension in extensions:
        with tempfile.TemporaryDirectory() as folder:
            finished = _compile(extension, folder)
            # Written beside and renamed, so that a server that has the old one open keeps it.
            beside = extension.library.with_suffix(".new")
            beside.write_bytes(finished.read_bytes())
            beside.replace(extension.library)


def _compile(extension: Extension, folder: str) -> Path:
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    command = [*compiler, *shlex.split(FLAGS), *shlex.split(os.environ.get("CFLAGS", ""))]
    sources, objects = extension.folder / "src", [f"{folder}/module.o"]
    described = [f'-DSOURCE="{extension.digest()}"', f"-I{sysconfig.get_path('include')}"]
    _run([*command, *described, "-c", str(sources / extension.module), "-o", objects[0]])
    for name, target in VARIANTS.items() if extension.kernels else ():
        objects.append(f"{folder}/{name}.o")
        options = [*shlex.split(target), f"-DVARIANT={name}"]
        _run([*command, *options, "-c", str(sources / extension.kernels), "-o", objects[-1]])
    shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    finished = Path(folder, extension.library.name)
    _run([*command, *shared, *objects, "-o", str(finished), "-lm"])
    return finished


def _run(command: list[str]) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompilerError(f"{command[0]}: {error.strerror}") from error
    if result.returncode:
        raise CompilerError(f"{shlex.join(command)}\n{result.stderr.strip()}")


class ExtensionsHook(BuildHookInterface):  # type: ignore[misc]
    """Hatchling's hook: builds the libraries, and makes the wheel one for this platform if that worked."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build for a wheel or an editable install; a failure is reported and leaves a wheel without them."""
        if self.target_name != "wheel":
            return
        try:
            build(EXTENSIONS)
        except CompilerError as error:
            self.app.display_warning(f"Without its C extensions Greenroom is slower: {error}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"] += [str(each.library.relative_to(ROOT)) for each in EXTENSIONS]


if __name__ == "__main__":
    try:
        build(EXTENSIONS)
    except CompilerError as error:
        sys.exit(str(error))
