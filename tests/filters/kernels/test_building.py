"""Where there is a compiler the extensions are built; without one, or of other sources, none are used."""

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

pytestmark = pytest.mark.slow

PRINT = "from filters import kernels; print(kernels.native.variant, kernels.native.reason, sep='|')"


def loaded(wanted: str) -> list[str]:
    """Return the variant and the reason of a new process."""
    result = subprocess.run(
        [sys.executable, "-P", "-c", PRINT],
        env={**os.environ, "NATIVE_CODE": wanted, "PYTHONPATH": str(hatch_build.ROOT)},
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
@pytest.mark.parametrize("extension", hatch_build.EXTENSIONS, ids=lambda e: str(e.name))
def test_they_are_built_with_the_package(extension: hatch_build.Extension) -> None:
    folder = extension.folder.relative_to(hatch_build.ROOT)
    kernels.library(".".join([*folder.parts, extension.name]))


@pytest.mark.skipif(compiler() is None, reason="no compiler, or no Python.h")
def test_they_compile_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFLAGS", "-Wall -Wextra -Werror")
    for extension in hatch_build.EXTENSIONS:
        assert hatch_build._compile(extension, str(tmp_path)).stat().st_size > 10_000


@pytest.mark.parametrize("command", ["/nowhere/cc", "false"])
def test_without_a_compiler_it_is_said_why_and_no_old_library_stays(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(hatch_build.EXTENSIONS[0].folder / "src", tmp_path / "src")
    extension = hatch_build.EXTENSIONS[0]._replace(folder=tmp_path)
    extension.library.write_bytes(b"of other sources")
    monkeypatch.setenv("CC", command)
    with pytest.raises(hatch_build.CompilerError, match=command):
        hatch_build.build([extension])
    assert not extension.library.exists()


def test_a_library_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    if kernels.load().variant == "none":
        pytest.skip(kernels.load().reason)
    monkeypatch.setattr(kernels, "digest", lambda folder: "other")
    assert kernels.load().variant == "none"
    assert "install the package again" in kernels.load().reason


def test_the_environment_chooses() -> None:
    assert loaded("none") == ["none", "NATIVE_CODE is none"]
    variant, reason = loaded("sse9")
    assert variant == "none"
    assert "sse9" in reason or "not built" in reason
    assert loaded("") == [kernels.load().variant, kernels.load().reason]


def test_the_digest_is_that_of_the_build() -> None:
    for extension in hatch_build.EXTENSIONS:
        assert kernels.digest(extension.folder / "src") == extension.digest()
