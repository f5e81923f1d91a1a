"""A conference in this process, with the real network but nobody's browser."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import av
import pytest

from filters.matting.segmenter import Segmenter, load_card
from server.config.options import DEFAULT_MODEL, MODELS, Config, IceServer
from server.rooms.rooms import Rooms
from tests.support.camera import Camera
from tests.support.client import CameraTrack
from tests.support.gate import Gate
from tests.support.guest import Guest
from tests.support.serving import Client, serving


@pytest.fixture(scope="session")
def segmenter() -> Segmenter:
    return Segmenter(load_card(DEFAULT_MODEL, MODELS))


@pytest.fixture
def config() -> Config:
    return Config(workers=1, max_participants=3, max_rooms=2)


@pytest.fixture
async def rooms(config: Config, segmenter: Segmenter) -> AsyncIterator[Rooms]:
    rooms = Rooms(config, segmenter)
    yield rooms
    await rooms.close()


@pytest.fixture
def guest(rooms: Rooms) -> Callable[[str], Guest]:
    """Make somebody who can join."""
    return lambda name: Guest(rooms, name)


@pytest.fixture
async def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
async def here(segmenter: Segmenter) -> AsyncIterator[Client]:
    """A whole server; tests that need another configuration have a `here` of their own."""
    config = Config(workers=1, ice_servers=(IceServer(["stun:stun.invalid"]),), session_timeout=60)
    async with serving(config, segmenter) as client:
        yield client


@pytest.fixture
def logging_kept() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    hooks = sys.excepthook, threading.excepthook
    root.handlers.clear()
    yield
    root.handlers[:], root.level = handlers, level
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


@pytest.fixture
def track() -> CameraTrack:
    """A small camera that sends the same ten frames again and again."""
    film: list[av.VideoFrame] = Camera(160, 120, loop=10).video_frames(10)
    return CameraTrack(lambda i: film[i % 10])


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait for a condition, for 10 s at most."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    return wait
