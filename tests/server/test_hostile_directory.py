"""The program is started in a folder whose Python files have the names of its own modules. None of them runs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.config.interpreter import python_command, python_environment
from server.media.recording.webm import WebmFile
from server.rooms.recording import COMPOSED, compose_apart
from tests.support.camera import Camera
from tests.support.client import CameraTrack, join
from tests.support.painting import speech
from tests.support.program import GREENROOM, served
from tests.support.viewer import READABLE, Viewer

pytestmark = pytest.mark.slow

NAMES = ("server", "filters", "av", "numpy", "cv2", "aiortc", "typer", "json")
HOSTILE = 'from pathlib import Path\nPath(__file__).with_suffix(".ran").touch()\nraise SystemExit(f"{__file__} ran")\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in NAMES:
        (hostile / f"{name}.py").write_text(HOSTILE)
    return hostile


def executed(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.ran")]


def test_the_files_would_run_if_the_directory_were_on_the_path(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "server"], cwd=folder, capture_output=True, check=False)
    assert done.returncode
    assert executed(folder)


async def test_a_server_and_its_workers_run_none_of_them(folder: Path) -> None:
    camera = Camera(320, 180, loop=60)
    film, viewer = camera.video_frames(camera.loop), Viewer(camera)
    with served(folder, "--workers", "1") as url:
        async with join(url, "studio", preview=True, on_frame=viewer.look) as ada:
            await ada.publish(CameraTrack(lambda i: film[i % len(film)]))
            while not (viewer.frames and viewer.face_is_there()):
                await viewer.wait(1)
    assert viewer.worst < READABLE
    assert executed(folder) == []


def test_no_command_runs_them(folder: Path) -> None:
    for words in (["--help"], ["--version"], ["config"], ["serve", "--help"]):
        subprocess.run([GREENROOM, *words], cwd=folder, check=True, capture_output=True)
    assert executed(folder) == []


async def test_composing_runs_none_of_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    file = WebmFile(recorded / "p1.webm", (160, 96))
    for i, packet in enumerate(speech(50)):
        file.write_audio(packet.data, 20 * i)
    file.close()
    entry = {"participant": "p1", "name": "Ada", "file": "p1.webm", "start": 0.0, "end": 1.0}
    (recorded / "index.json").write_text(json.dumps({"version": 1, "files": [entry]}))
    monkeypatch.chdir(folder)
    await compose_apart(recorded)
    assert (recorded / COMPOSED).stat().st_size > 1000
    assert executed(folder) == []


@pytest.mark.parametrize("path", ["", ":", "relative", ".:/absent"])
async def test_no_python_path_brings_them_back(
    path: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty entry, as `PYTHONPATH=$PYTHONPATH:/somewhere` makes one, is the current directory."""
    monkeypatch.setenv("PYTHONPATH", path)
    process = await asyncio.create_subprocess_exec(
        *python_command("server", "filter", "--help"),
        cwd=folder,
        env=python_environment(),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    assert executed(folder) == []
