"""What a webcam and a codec do to a picture."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
import cv2
import numpy as np

from models.training.data.pictures import Floats, Picture


def through_chroma(picture: Picture) -> Picture:
    """Return the picture with its chroma at half the size, limited range, as every video frame has it."""
    yuv = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
    return cast(Picture, cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB_I420))


def through_jpeg(picture: Picture, quality: int) -> Picture:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cast(Picture, cv2.imdecode(data, cv2.IMREAD_COLOR))


def through_vp8(picture: Picture, bitrate: int) -> Picture:
    """Return the picture as the second frame of a VP8 stream of `bitrate` bits a second at 30 frames."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height = picture.shape[1], picture.shape[0]
    encoder.pix_fmt = "yuv420p"
    encoder.bit_rate = bitrate
    encoder.framerate = Fraction(30)
    # A negative cpu-used is a fixed speed; with a positive one the encoder goes by the clock, each time otherwise.
    encoder.options = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0"}
    decoder = av.CodecContext.create("vp8", "r")
    shifted = np.roll(picture, 1, axis=1)
    packets = []
    for index, view in enumerate((shifted, picture)):
        frame = av.VideoFrame.from_ndarray(view, format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    return cast(Picture, frames[-1].to_ndarray(format="rgb24")) if frames else picture


def moved(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture blurred by motion, mostly sideways."""
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    return cast(Picture, cv2.filter2D(picture, -1, kernel if rng.random() < 0.7 else kernel.T))


def sensor(picture: Floats, rng: np.random.Generator, dark: float) -> Floats:
    """Return a poor camera's exposure, noise and gamma."""
    kind = rng.random()
    if kind < dark:
        picture = picture * rng.uniform(0.3, 0.6) + rng.normal(0, rng.uniform(3, 9), picture.shape)
    elif kind < dark + 0.55 * (1 - dark):
        picture = picture + rng.normal(0, rng.uniform(2, 6), picture.shape)
    if rng.random() < 0.3:
        picture = 255 * np.clip(picture / 255, 0, 1) ** rng.uniform(0.6, 1.5)
    return cast(Floats, picture.astype(np.float32))


def seen_by_camera(picture: Floats, rng: np.random.Generator, poor: float, dark: float) -> Picture:
    """Return what arrives at the server of a scene; `poor` of the cameras are poor, `dark` of these dark."""
    height, width = picture.shape[:2]
    if rng.random() >= poor:
        noisy = picture + rng.normal(0, 1.2, (height, width, 1))
        out = through_chroma(np.clip(noisy, 0, 255).astype(np.uint8))
        return through_jpeg(out, int(rng.integers(75, 97))) if rng.random() < 0.5 else out
    out = np.clip(sensor(picture, rng, dark), 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        out = moved(out, rng)
    if rng.random() < 0.4:
        scale = rng.uniform(0.4, 0.8)
        small = cv2.resize(out, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        out = cast(Picture, cv2.resize(small, (width, height)))
    kind = rng.random()
    if kind < 0.2:
        return through_vp8(out, int(rng.integers(80, 500)) * 1000)
    out = through_chroma(out)
    return through_jpeg(out, int(rng.integers(25, 80))) if kind < 0.7 else out
