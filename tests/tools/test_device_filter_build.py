"""The kernels that are checked in are what their sources give."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from filters.matting.segmenter import load_card
from server.config.options import DEFAULT_MODEL, MODELS
from tests.support.device_filter import ROOT, run_network


@pytest.fixture(scope="module")
def building() -> ModuleType:
    """The build script as a module."""
    path = ROOT / "tools" / "device-filter" / "build.py"
    spec = importlib.util.spec_from_file_location("device_filter_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clang(building: ModuleType) -> str:
    found: str | None = building.find_clang()
    if found is None:
        pytest.skip("no clang with wasm-ld (Debian: apt-get install clang-14 lld-14)")
    return found


@pytest.mark.slow
def test_the_same_compiler_makes_the_same_file(building: ModuleType, clang: str) -> None:
    if building.version(clang) != building.VERSION:
        pytest.skip(f"the file was made by clang {building.VERSION}, not {building.version(clang)}")
    assert building.build(clang) == building.TARGET.read_bytes()


@pytest.mark.slow
def test_any_compiler_makes_kernels_that_compute_the_same(
    building: ModuleType, clang: str, tmp_path: Path
) -> None:
    built = tmp_path / "kernels.wasm"
    built.write_bytes(building.build(clang))
    picture = np.random.default_rng(1).random((1, 3, 80, 112), np.float32)
    model = load_card(DEFAULT_MODEL, MODELS).path
    (here,), (ours,) = (run_network(model, [picture], [(1, 1, 80, 112)], k) for k in (built, None))
    assert np.abs(here - ours).max() < 1e-4
