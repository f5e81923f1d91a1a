"""The network that pages run on the devices: its card, and the file that is among the models."""

from __future__ import annotations

from aiohttp import web

from filters.matting.segmenter import ModelCard, load_card
from server.config.options import DEFAULT_MODEL, MODELS

DEVICE_MODEL = DEFAULT_MODEL
"""One picture in, one matte out, and no operator that static/devices/device-filter lacks; whatever the server runs."""

CARD = web.AppKey("device_network", ModelCard)


def add_device_network(app: web.Application) -> None:
    """Add the routes. Raises ModelError when the network can't be trusted to be what its card says."""
    app[CARD] = load_card(DEVICE_MODEL, MODELS)
    app.router.add_get("/api/device-network", _describe)
    app.router.add_get(f"/models/{DEVICE_MODEL}.onnx", _file)


async def _describe(request: web.Request) -> web.Response:
    card = request.app[CARD]
    return web.json_response(
        {
            "name": card.name,
            "url": f"/models/{card.name}.onnx",
            "sha256": card.sha256,
            "multiple": card.multiple,
            "pixels": card.pixels,
            "mean": card.mean,
            "std": card.std,
        }
    )


async def _file(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(request.app[CARD].path, headers={"Content-Type": "application/octet-stream"})
