"""Two people in Chromium, on two real Ray nodes: `make cluster-test`."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from playwright.async_api import Browser

from tests.support.camera import Camera
from tests.support.pair_of_pages import PairOfPages
from tests.support.processes import media_sockets
from tests.support.ray_nodes import ADDRESSES, RayNodes

pytest.importorskip("ray")
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_two_people_are_together_again_when_their_server_is_killed(
    browser: Browser, camera: Camera, front: str, nodes: RayNodes
) -> None:
    pair = await PairOfPages.meet(browser, camera, f"{front}/r/pages")
    os.kill(max(map(nodes.server, ADDRESSES), key=media_sockets), signal.SIGKILL)
    print(f"\n    server killed: together again after {await pair.together_again():.2f} s")  # noqa: T201
    await pair.expect_all_as_before()
    await pair.leave()
    await asyncio.to_thread(nodes.until_servers, front, 2)
