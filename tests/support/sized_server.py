"""The real server whose cameras are as large as one says while it runs: POST /size/{width}x{height}."""

from __future__ import annotations

import sys

from aiohttp import web

from server.app import ROOMS, create_app
from server.config.options import Config
from server.media.camera_costs import USUAL_PICTURE
from server.media.governor import Governor

FRAME_RATE = 10  # pictures a second, so that a slow machine can make large ones


class ToldGovernor(Governor):
    """Gives out pictures as large as it is told to, whatever the machine can do."""

    told = USUAL_PICTURE

    def pixels(self, camera: str) -> int:
        return self.told


def main(port: int) -> None:
    """Serve on a port of the loopback interface."""
    app, governor = create_app(Config(port=port, frame_rate=FRAME_RATE)), ToldGovernor()

    async def put_in(app: web.Application) -> None:
        app[ROOMS].governor = governor

    async def set_size(request: web.Request) -> web.Response:
        governor.told = int(request.match_info["width"]) * int(request.match_info["height"])
        return web.Response()

    app.on_startup.append(put_in)
    app.router.add_post("/size/{width}x{height}", set_size)
    web.run_app(app, host="127.0.0.1", port=port, shutdown_timeout=1.0, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
