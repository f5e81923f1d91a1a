"""A room whose server dies: its people are together again on another one, by themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from tests.e2e.conftest import _wait_until_open
from tests.support.camera import Camera
from tests.support.pair_of_pages import PairOfPages
from tests.support.processes import children, media_sockets
from tests.support.program import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Servers:
    """`greenroom serve --loops 2` and its child processes."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self._process = process
        self.url = url

    def with_people(self) -> int:
        """Return the process id of the server that has the room."""
        return max(children(self._process.pid), key=media_sockets)


@pytest.fixture
def servers() -> Iterator[Servers]:
    port = free_port()
    command = [sys.executable, "-m", "server", "serve", "--loops", "2", "--workers", "2", "--port", str(port)]
    with subprocess.Popen(command) as process:
        url = f"http://127.0.0.1:{port}"
        _wait_until_open(url, process)
        yield Servers(process, url)
        process.send_signal(signal.SIGINT)
        process.wait(20)


async def test_two_people_are_together_again_when_their_server_is_killed(
    browser: Browser, camera: Camera, servers: Servers
) -> None:
    pair = await PairOfPages.meet(browser, camera, f"{servers.url}/r/studio")
    os.kill(servers.with_people(), signal.SIGKILL)
    print(f"together again after {await pair.together_again():.2f} s")  # noqa: T201
    await pair.expect_all_as_before()
