"""Fixtures that every test may use: a person on camera."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from hypothesis import settings

from tests.support import person
from tests.support.camera import Camera, write_mjpeg, write_y4m
from tests.support.person import Picture

# No test fails because the machine is busy, nor by chance: each draws the same inputs each time, unless others are
# looked for with `pytest --hypothesis-profile=exploring`.
settings.register_profile("exploring", deadline=None)
settings.register_profile("settled", deadline=None, derandomize=True)
settings.load_profile("settled")

os.environ["PIP_COMPILE"] = "0"  # of what tests install, Python compiles what it imports


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that have the longest time, so that none of them runs alone at the end."""

    def limit(item: pytest.Item) -> float:
        mark = item.get_closest_marker("timeout")
        return 0.0 if mark is None else float(mark.args[0])

    items.sort(key=limit, reverse=True)


@pytest.fixture(scope="session")
def astronaut() -> Picture:
    """Return the photo of a person that all tests share, RGB, (512, 512, 3)."""
    return person.astronaut()


@pytest.fixture(scope="session")
def camera_frames() -> Callable[[int, int, int], list[av.VideoFrame]]:
    """Make the first n frames of a width × height camera, yuv420p; see tests.support.camera.Camera."""

    def frames(width: int, height: int, n: int) -> list[av.VideoFrame]:
        return Camera(width, height).video_frames(n)

    return frames


@pytest.fixture(scope="session")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a camera for Chromium's --use-file-for-fake-video-capture, which loops unseen; return its path.

    .mjpeg is played at 30 a second whatever `fps` says; .y4m is exact and 15 times as large.
    """
    folder = tmp_path_factory.mktemp("camera")

    def write(
        width: int = 640, height: int = 360, seconds: float = 10, fps: int = 30, suffix: str = ".mjpeg"
    ) -> Path:
        path = folder / f"{width}x{height}-{seconds}s-{fps}{suffix}"
        frames = round(seconds * fps)
        camera = Camera(width, height, loop=frames)
        if not path.exists():
            if suffix == ".y4m":
                write_y4m(path, camera, frames, fps)
            else:
                write_mjpeg(path, camera, frames)
        return path

    return write
