"""The real server with a network that can be made to fail while it runs: POST /fault/{none,throw,nan,slow}."""

from __future__ import annotations

import sys

from aiohttp import web

from filters.base import Alpha, Planes
from filters.matting.segmenter import Box, Segmenter, load_card
from server.app import create_app
from server.config.options import DEFAULT_MODEL, MODELS, Config
from tests.support.faulty_network import fail


class FaultySegmenter(Segmenter):
    """Does what `fault` says."""

    fault = "none"

    def __call__(self, planes: Planes, box: Box | None = None, pixels: int | None = None) -> Alpha:
        failed = fail(self.fault)
        return super().__call__(planes, box, pixels) if failed is None else failed


def main(port: int) -> None:
    """Serve on a port of the loopback interface."""
    segmenter = FaultySegmenter(load_card(DEFAULT_MODEL, MODELS))
    app = create_app(Config(port=port), segmenter)

    async def set_fault(request: web.Request) -> web.Response:
        segmenter.fault = request.match_info["fault"]
        return web.Response()

    app.router.add_post("/fault/{fault}", set_fault)
    web.run_app(app, host="127.0.0.1", port=port, shutdown_timeout=1.0, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
