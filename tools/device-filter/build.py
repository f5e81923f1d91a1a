"""Build the device filter's kernels: C → WebAssembly with 128-bit SIMD, without a library.

    python tools/device-filter/build.py            # writes static/devices/device-filter/kernels.wasm
    python tools/device-filter/build.py --check    # only tells whether the file there is what building gives

Needs clang and wasm-ld of LLVM (Debian: clang-14, lld-14), named by $CLANG or found by the usual names. The same
version gives the same bytes; the file that is checked in was made by the version below.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "14.0.6"
HERE = Path(__file__).resolve().parent
SOURCES = ("network.c", "picture.c")
TARGET = HERE.parents[1] / "static" / "devices" / "device-filter" / "kernels.wasm"
COMMANDS = ("clang-14", "clang", *(f"clang-{n}" for n in range(22, 14, -1)))
FLAGS = (
    *(
        "--target=wasm32",
        "-O3",
        "-msimd128",
        "-std=c17",
        "-nostdlib",
        "-fno-builtin",
        "-Wall",
        "-Wextra",
        "-Werror",
    ),
    *("-Wl,--no-entry", "-Wl,--export=__heap_base", "-Wl,--strip-all"),
)


class BuildError(Exception):
    """There is no compiler, or it refuses the sources."""


def find_clang() -> str | None:
    """Return a clang that can link WebAssembly, or None."""
    wanted = os.environ.get("CLANG")
    found = (shutil.which(command) for command in ([wanted] if wanted else COMMANDS))
    return next((path for path in found if path and _has_linker(path)), None)


def _has_linker(clang: str) -> bool:
    linker = _output(clang, "--print-prog-name=wasm-ld").strip()
    return shutil.which(linker) is not None


def version(clang: str) -> str:
    """Return a compiler's version, as 14.0.6."""
    found = re.search(r"clang version (\d+\.\d+\.\d+)", _output(clang, "--version"))
    return found[1] if found else ""


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def build(clang: str) -> bytes:
    """Return the module. Raises BuildError with what the compiler says."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / TARGET.name
        # Relative paths and one working directory: nothing of this machine gets into the file.
        command = [clang, *FLAGS, "-o", str(target), *SOURCES]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(done.stderr)
        return target.read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the file differs")
    arguments = parser.parse_args()
    clang = find_clang()
    if clang is None:
        sys.stderr.write("No clang with wasm-ld was found (Debian: apt-get install clang-14 lld-14).\n")
        return 2
    module = build(clang)
    if arguments.check:
        return 0 if module == TARGET.read_bytes() else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(module)
    print(f"{TARGET.name}: {len(module)} bytes, clang {version(clang)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
