"""Where there is a compiler the kernels are built; where there is none, or they are of other sources, none are used."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import hatch_build
from filters import kernels

PRINT = "from filters import kernels; print(kernels.native.variant, kernels.native.reason, sep='|')"


def loaded(wanted: str) -> list[str]:
    """Return the variant and the reason of a new process."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", PRINT],
        env={**os.environ, "FILTER_KERNELS": wanted, "PYTHONPATH": str(hatch_build.ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip().split("|")


def compiler() -> str | None:
    header = Path(sysconfig.get_path("include"), "Python.h")
    found = shutil.which(shlex.split(sysconfig.get_config_var("CC") or "cc")[0])
    return found if header.exists() and os.name == "posix" else None


@pytest.mark.skipif(compiler() is None, reason="no compiler, or no Python.h")
def test_they_are_built_with_the_package() -> None:
    assert kernels.load().variant != "none", kernels.load().reason


@pytest.mark.skipif(compiler() is None, reason="no compiler, or no Python.h")
def test_they_compile_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hatch_build, "LIBRARY", tmp_path / "_native.abi3.so")
    monkeypatch.setenv("CFLAGS", "-Wall -Wextra -Werror -Wno-unused-function")
    hatch_build.build()
    assert (tmp_path / "_native.abi3.so").stat().st_size > 10_000


@pytest.mark.parametrize("command", ["/nowhere/cc", "false"])
def test_without_a_compiler_it_is_said_why_and_no_old_library_stays(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "_native.abi3.so"
    old.write_bytes(b"of other sources")
    monkeypatch.setattr(hatch_build, "LIBRARY", old)
    monkeypatch.setenv("CC", command)
    with pytest.raises(hatch_build.CompilerError, match=command):
        hatch_build.build()
    assert not old.exists()


def test_a_library_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    if kernels.load().variant == "none":
        pytest.skip(kernels.load().reason)
    monkeypatch.setattr(kernels, "_digest", lambda: "other")
    assert kernels.load().variant == "none"
    assert "install the package again" in kernels.load().reason


def test_the_environment_chooses() -> None:
    assert loaded("none") == ["none", "FILTER_KERNELS is none"]
    variant, reason = loaded("sse9")
    assert variant == "none"
    assert "sse9" in reason or "not built" in reason
    assert loaded("") == [kernels.load().variant, kernels.load().reason]


def test_the_digest_is_that_of_the_build() -> None:
    assert kernels._digest() == hatch_build.digest()
