"""Firefox without a driver: its remote agent speaks WebDriver BiDi over a WebSocket (w3c.github.io/webdriver-bidi)."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp

from tests.support.launched import launched

COMMANDS = ("firefox-esr", "firefox")

PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.gmp-manager.updateEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "remote.active-protocols": 1,  # BiDi
}


def find_firefox() -> str | None:
    """Return the path of a Firefox, or None."""
    found = (shutil.which(command) for command in COMMANDS)
    return os.environ.get("FIREFOX") or next((path for path in found if path), None)


class Tab:
    """The one tab of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count()
        self._context = ""

    async def open(self, url: str) -> None:
        """Begin the session and load a page."""
        await self._call("session.new", capabilities={})
        tree = await self._call("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        await self.visit(url)

    async def visit(self, url: str) -> None:
        """Load another page."""
        await self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def preload(self, script: str) -> None:
        """Have every page that is loaded from now on run a script first."""
        await self._call("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def hide(self) -> None:
        """Open another tab in front of this one."""
        await self._call("browsingContext.create", type="tab", background=False)

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """Return what a JavaScript expression, awaited, is as JSON; RuntimeError when it throws."""
        function = f"async () => JSON.stringify(await ({expression}) ?? null)"
        answer = await self._call(
            "script.callFunction",
            functionDeclaration=function,
            awaitPromise=True,
            userActivation=True,
            target={"context": self._context},
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def _call(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['message']}")
                result: dict[str, Any] = message["result"]
                return result


@contextlib.asynccontextmanager
async def firefox(
    program: str, profile: Path, url: str, preferences: Mapping[str, object] = MappingProxyType({})
) -> AsyncIterator[Tab]:
    """Run Firefox with a profile of its own, a fake camera and a page."""
    every = {**PREFERENCES, **preferences}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in every.items())
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = (
        program,
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        "--remote-debugging-port",
        "0",
    )
    environment = {**os.environ, "HOME": str(profile)}
    async with (
        launched(command, r"WebDriver BiDi listening on (ws://\S+)", environment) as endpoint,
        aiohttp.ClientSession() as session,
    ):
        socket = await session.ws_connect(f"{endpoint}/session", max_msg_size=0)
        tab = Tab(socket)
        await tab.open(url)
        yield tab
        await socket.close()
