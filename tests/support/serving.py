"""The whole server inside the test's own process, and an HTTP client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from filters.matting.segmenter import Segmenter
from server.app import create_app
from server.config.options import Config

Client: TypeAlias = TestClient[web.Request, web.Application]


@asynccontextmanager
async def serving(config: Config, segmenter: Segmenter) -> AsyncIterator[Client]:
    """Serve on a free port of the loopback interface."""
    async with TestClient(TestServer(create_app(config, segmenter), host="127.0.0.1")) as client:
        yield client
