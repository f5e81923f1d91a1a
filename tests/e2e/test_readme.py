"""The README's examples, copied from it and run; of what they say, only the port is changed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from tests.support.camera import Camera
from tests.support.media import frames_of, write_video
from tests.support.program import free_port
from tests.support.viewer import READABLE, Viewer

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 90
ENDING = 10.0  # seconds


def example(command: str) -> str:
    """Return the one shell block of the README that has this command."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    (found,) = [block for block in blocks if command in block]
    return str(found)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def folder(tmp_path: Path, camera: Camera) -> Path:
    """Where a newcomer is: a clip of oneself, a photo, a picture of the empty room, and the examples."""
    write_video(tmp_path / "talk.mp4", [camera.frame(i) for i in range(FRAMES)])
    for name, shown in (("portrait", camera), ("empty-room", Camera(640, 360, somebody=False))):
        picture = np.ascontiguousarray(shown.frame(0)[..., ::-1])
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, command in (("greenroom", "-m server"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        (programs / name).chmod(0o755)
    return tmp_path


@contextlib.asynccontextmanager
async def running(
    block: str, folder: Path, port: int, modules: Path = ROOT
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a block as it stands, but on another port; end whatever it leaves behind."""
    environment = os.environ | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(modules),
        "GREENROOM_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        *("bash", "-e", "-c", block.replace("8080", str(port))),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.communicate(), ENDING)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def seen(path: Path, camera: Camera) -> Viewer:
    """Look at every frame of a video."""
    viewer = Viewer(camera)
    for frame in frames_of(path):
        viewer.look("", frame)
    return viewer


async def answer(session: aiohttp.ClientSession, url: str, token: str | None) -> dict[str, Any]:
    """Ask to join, and return what the server says to that."""
    certificate = ssl.create_default_context()
    certificate.check_hostname, certificate.verify_mode = False, ssl.CERT_NONE
    async with session.ws_connect(f"{url}/ws", ssl=certificate) as socket:
        await socket.send_json(
            {"type": "join", "version": 1, "room": "studio", "name": "Eve", "token": token}
        )
        message: dict[str, Any] = await socket.receive_json(timeout=10)
        return message


@pytest.mark.e2e
async def test_a_meeting_with_tokens(folder: Path, port: int) -> None:
    links: dict[str, str] = {}
    async with (
        running(example("greenroom init"), folder, port) as block,
        aiohttp.ClientSession() as session,
        asyncio.timeout(60),
    ):
        assert block.stdout is not None
        while (line := (await block.stdout.readline()).decode()) and "Greenroom is open at https" not in line:
            whose, _, link = line.strip().partition(": ")
            if "#token=" in link:
                links[whose] = link
        told = {}
        for whose, link in links.items():
            address, _, token = link.partition("#token=")
            url = address.removesuffix("/r/studio")
            assert url.endswith(f":{port}")
            assert url != f"https://localhost:{port}"  # others are told this address
            joined = told[whose] = await answer(session, url, token)
            assert joined["type"] == "joined"
        roles = {
            whose: next(p["role"] for p in joined["participants"] if p["id"] == joined["participant"])
            for whose, joined in told.items()
        }
        assert roles == {"for you, as host": "host", "for guests": "guest", "for Ada": "guest"}
        assert told["for Ada"]["background"] == "fjord"
        assert "Ada" in {person["name"] for person in told["for Ada"]["participants"]}
        assert (await answer(session, url, None))["code"] == "token-missing"
        assert (await answer(session, url, token[:-5]))["code"] == "token-invalid"
    assert len(links) == 3


@pytest.mark.e2e
async def test_a_camera_goes_through_by_whip_and_whep(folder: Path, port: int, camera: Camera) -> None:
    async with running(example("whip.py"), folder, port) as block:
        assert await asyncio.wait_for(block.wait(), 90) == 0
    viewer = seen(folder / "seen.mp4", camera)
    assert viewer.frames > 30
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


@pytest.mark.slow
async def test_files(folder: Path, port: int, camera: Camera) -> None:
    async with running(example("greenroom filter"), folder, port) as block:
        assert await asyncio.wait_for(block.wait(), 120) == 0
    assert seen(folder / "talk.mp4", camera).worst > 0.5
    for name in ("out.mp4", "private.mp4"):
        viewer = seen(folder / name, camera)
        assert viewer.frames == FRAMES
        assert viewer.worst < READABLE
        assert viewer.face_is_there()
    assert len(frames_of(folder / "matte.mkv")) == FRAMES
    portrait = cv2.imread(str(folder / "portrait.png"), cv2.IMREAD_UNCHANGED)
    assert portrait is not None
    alpha = portrait[..., 3].astype(np.uint8)
    assert not camera.marker.box.of(alpha).any()
    assert camera.face(0).of(alpha).min() > 200


@pytest.mark.e2e
async def test_an_aiortc_program_of_ones_own(folder: Path, port: int, camera: Camera) -> None:
    async with running(example("embed.py"), folder, port) as block:
        assert await asyncio.wait_for(block.wait(), 60) == 0
    viewer = seen(folder / "shown.mp4", camera)
    assert viewer.frames > FRAMES // 3
    assert viewer.worst < READABLE
    assert viewer.face_is_there()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_make_run_in_a_fresh_clone(folder: Path, port: int) -> None:
    clone = folder / "greenroom"
    cloning = await asyncio.create_subprocess_exec("git", "clone", "--quiet", "--no-hardlinks", ROOT, clone)
    assert await cloning.wait() == 0
    assert "\n    make run\n" in (clone / "README.md").read_text("utf-8")
    make = running(f"make run PORT={port}", clone, port, modules=clone)
    async with make as block, aiohttp.ClientSession() as session:
        assert block.stdout is not None
        while f"http://localhost:{port}" not in (line := (await block.stdout.readline()).decode()):
            assert line, "it has ended"
        async with session.get(f"http://localhost:{port}/r/studio") as response:
            assert "<html" in await response.text()
