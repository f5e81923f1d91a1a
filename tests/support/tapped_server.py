"""The real server, which also tells what it decodes: what of a camera's room gets as far as here.

GET  /tap            {"frames", "worst", "last", "face", "sizes"}: the marker's contrast; is the face in the last
GET  /tap/{which}    the last or the worst picture, as PNG
POST /tap/reset      begin anew
POST /tap/begin      begin anew, and look at no camera that has been looked at before
GET  /camera/{i}.jpg a picture of the camera, for browsers whose fake camera can't be chosen
"""

from __future__ import annotations

import sys
import threading
from weakref import WeakSet

import av
import cv2
from aiohttp import web

from filters.matting.segmenter import Segmenter, load_card
from server.app import create_app
from server.config.options import DEFAULT_MODEL, MODELS, Config
from server.media.codec.decoder import CameraDecoder
from server.media.codec.frames import EncodedFrame
from tests.support.camera import Camera
from tests.support.viewer import Viewer

CAMERA = Camera(640, 360, loop=150)


class Tap:
    """Looks at every decoded camera picture."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cameras = WeakSet[CameraDecoder]()
        self._former = WeakSet[CameraDecoder]()
        self.reset()

    def reset(self) -> None:
        self.viewer = Viewer(CAMERA)
        self.contrasts: list[float] = []
        self.worst: av.VideoFrame | None = None

    def begin(self) -> None:
        """Begin anew with cameras that come from now on: what a former one has sent may still be on its way."""
        with self._lock:
            self._former |= self._cameras
        self.reset()

    def install(self) -> None:
        """Look at what is decoded of every camera from now on."""
        decode = CameraDecoder.decode

        def tapped(decoder: CameraDecoder, frame: EncodedFrame) -> av.VideoFrame | None:
            picture = decode(decoder, frame)
            if picture is not None:
                with self._lock:
                    self._cameras.add(decoder)
                    if decoder not in self._former:
                        self.look(picture)
            return picture

        CameraDecoder.decode = tapped  # type: ignore[method-assign,assignment]

    def look(self, picture: av.VideoFrame) -> None:
        viewer = self.viewer
        before = viewer.worst
        viewer.worst = 0.0
        viewer.look("", picture)
        self.contrasts.append(viewer.worst)
        if viewer.worst >= before:
            self.worst = picture
        viewer.worst = max(before, viewer.worst)

    def describe(self) -> dict[str, object]:
        with self._lock:
            return {
                "frames": self.viewer.frames,
                "worst": self.viewer.worst,
                "last": self.contrasts[-1] if self.contrasts else None,
                "face": self.viewer.last is not None and self.viewer.face_is_there(),
                "sizes": sorted(self.viewer.sizes),
            }


def main(port: int) -> None:
    """Serve on a port of the loopback interface."""
    tap = Tap()
    tap.install()
    app = create_app(Config(port=port), Segmenter(load_card(DEFAULT_MODEL, MODELS)))

    async def describe(_: web.Request) -> web.Response:
        return web.json_response(tap.describe())

    async def picture(request: web.Request) -> web.Response:
        frame = tap.viewer.last if request.match_info["which"] == "last" else tap.worst
        if frame is None:
            raise web.HTTPNotFound
        return web.Response(body=_encoded(".png", frame.to_ndarray(format="bgr24")), content_type="image/png")

    async def reset(_: web.Request) -> web.Response:
        tap.reset()
        return web.Response()

    async def begin(_: web.Request) -> web.Response:
        tap.begin()
        return web.Response()

    async def camera(request: web.Request) -> web.Response:
        bgr = CAMERA.frame(int(request.match_info["i"]))[..., ::-1]
        return web.Response(body=_encoded(".jpg", bgr), content_type="image/jpeg")

    app.router.add_get("/tap", describe)
    app.router.add_get("/tap/{which}", picture)
    app.router.add_post("/tap/reset", reset)
    app.router.add_post("/tap/begin", begin)
    app.router.add_get("/camera/{i}.jpg", camera)
    web.run_app(app, host="127.0.0.1", port=port, shutdown_timeout=1.0, access_log=None, print=None)


def _encoded(kind: str, bgr: object) -> bytes:
    return bytes(cv2.imencode(kind, bgr)[1])  # type: ignore[call-overload]


if __name__ == "__main__":
    main(int(sys.argv[1]))
