"""Frames of any kind through the filter on the device: upright, sharp at the person, blurred elsewhere; or refused."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from playwright.async_api import Browser, Page

from tests.support.camera import Camera
from tests.support.viewer import READABLE

pytestmark = [pytest.mark.e2e, pytest.mark.page, pytest.mark.timeout(120)]

SCRIPT = """
async () => {
  const base = '/static/devices/device-filter/';
  const { FrameFilter, flatFrame } = await import(`${base}frame-filter.js`);
  const card = await (await fetch('/api/device-network')).json();
  const bytes = async (address) => new Uint8Array(await (await fetch(address)).arrayBuffer());
  const { instance } = await WebAssembly.instantiate(await bytes(`${base}kernels.wasm`));
  const filter = new FrameFilter(instance, await bytes(card.url), card);
  const data = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const text = (bytes) => { let s = ''; for (const byte of bytes) s += String.fromCharCode(byte); return btoa(s); };
  window.flat = (frame = flatFrame(101, 77, 5)) => [frame.displayWidth, frame.displayHeight, frame.timestamp];
  window.shown = async ({ pixels, opaque = false, ...init }) => {
    const frame = new VideoFrame(data(pixels), { timestamp: 40, ...init });
    if (opaque) Object.defineProperty(frame, 'format', { value: null });
    const out = await filter.filter(frame);
    frame.close();
    const [width, height] = [out.displayWidth, out.displayHeight];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', { alpha: false });
    context.drawImage(out, 0, 0);
    const { timestamp, format } = out;
    out.close();
    return { width, height, timestamp, format, rgba: text(context.getImageData(0, 0, width, height).data) };
  };
}
"""
NOISY = """
() => {
  const copyTo = VideoFrame.prototype.copyTo;
  VideoFrame.prototype.copyTo = async function (to, ...more) {
    const layout = await copyTo.call(this, to, ...more);
    crypto.getRandomValues(to.subarray(0, 60000));
    return layout;
  };
}
"""
"""What protection against fingerprinting may do to what is read back."""

SIZES = [(640, 360), (320, 180), (321, 241), (270, 480), (1280, 720)]
FORMATS = ["I420", "NV12", "RGBA", "BGRA", "RGBX", "BGRX"]


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, server: str) -> Page:
    """A page of the server that has the filter, and `shown`: a frame as it would be sent."""
    page = await browser.new_page()
    await page.goto(f"{server}/")
    await page.evaluate(SCRIPT)
    return page


def frame_of(rgb: NDArray[np.uint8], kind: str) -> dict[str, Any]:
    """Return what makes a VideoFrame of a picture."""
    height, width = rgb.shape[:2]
    across, down = width + width % 2, height + height % 2
    if kind in ("I420", "NV12"):
        even = cv2.copyMakeBorder(rgb, 0, down - height, 0, across - width, cv2.BORDER_REPLICATE)
        packed = cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420)
        luma = packed[:down][:height, :width]
        u, v = packed[down:].reshape(2, -1)
        chroma = np.concatenate([u, v]) if kind == "I420" else np.stack([u, v], axis=1).ravel()
        pixels = np.concatenate([luma.ravel(), chroma])
    else:
        rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
        pixels = rgba[..., [2, 1, 0, 3]] if kind.startswith("BGR") else rgba
    text = base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
    return {"pixels": text, "format": kind, "codedWidth": width, "codedHeight": height}


async def shown(page: Page, frame: dict[str, Any]) -> NDArray[np.uint8]:
    """Return what would be sent, RGB."""
    told = await page.evaluate("(frame) => shown(frame)", frame)
    assert told["timestamp"] == 40
    rgba = np.frombuffer(base64.b64decode(told["rgba"]), np.uint8)
    return rgba.reshape(told["height"], told["width"], 4)[..., :3]


def check(camera: Camera, picture: NDArray[np.uint8]) -> None:
    assert picture.shape[:2] == (camera.height, camera.width)
    assert abs(camera.marker.contrast(picture)) < READABLE
    face = camera.face(0)
    assert np.abs(face.of(picture).astype(int) - face.of(camera.frame(0))).mean() < 10


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_any_size(page: Page, size: tuple[int, int]) -> None:
    camera = Camera(*size)
    check(camera, await shown(page, frame_of(camera.frame(0), "I420")))


async def test_any_format_and_size_one_after_another(page: Page) -> None:
    for kind in FORMATS:
        for width, height in ((640, 360), (321, 241), (480, 270)):
            camera = Camera(width, height)
            check(camera, await shown(page, frame_of(camera.frame(0), kind)))


@pytest.mark.parametrize("kind", ["I420", "RGBA"])
@pytest.mark.parametrize(
    ("rotation", "flip"), [(90, False), (180, False), (270, False), (0, True), (90, True)]
)
async def test_frames_that_lie_on_their_side(page: Page, kind: str, rotation: int, flip: bool) -> None:
    """A camera of a phone says how its frames are to be turned: clockwise, then mirrored."""
    camera = Camera(640, 360)
    lying = np.rot90(camera.frame(0)[:, ::-1] if flip else camera.frame(0), rotation // 90)
    frame = frame_of(np.ascontiguousarray(lying), kind) | {"rotation": rotation, "flip": flip}
    check(camera, await shown(page, frame))


async def test_frames_that_can_not_be_read_are_drawn(page: Page) -> None:
    camera = Camera(640, 360)
    check(camera, await shown(page, frame_of(camera.frame(0), "I420") | {"opaque": True}))


async def test_a_browser_that_falsifies_what_is_drawn_shows_nothing(page: Page) -> None:
    await page.evaluate(NOISY)
    frame = frame_of(Camera(640, 360).frame(0), "I420") | {"opaque": True}
    told = await page.evaluate("(frame) => shown(frame).then(() => 'shown', (error) => error.message)", frame)
    assert told == "this browser falsifies what is drawn"


async def test_a_flat_frame_has_the_size_and_time_that_it_is_for(page: Page) -> None:
    assert await page.evaluate("flat()") == [101, 77, 5]
