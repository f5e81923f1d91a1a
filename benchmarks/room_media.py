"""What the clients of the room benchmark send, encoded beforehand: a real person as VP8, and Opus."""

from __future__ import annotations

import os
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.support.camera import Camera

CAMERA_RATE = 30  # frames per second, as a page's camera by default
OPUS_RATE = 48_000  # samples, and RTP ticks, per second; RFC 7587, section 4.1
OPUS_SAMPLES = 960  # of a packet: 20 ms, as browsers send
SMALL, SMALLEST = (640, 360), (320, 180)  # width and height in pixels, to which the governor sends cameras
AREA = SMALL[0] * SMALL[1]


def sizes(largest: tuple[int, int]) -> set[tuple[int, int]]:
    """Return the sizes in which cameras send that can send pictures of the largest one."""
    return {largest, min(largest, SMALL), min(largest, SMALLEST)}


def video_clip(width: int, height: int, fps: int, *, layered: bool = False) -> list[bytes]:
    """Return the VP8 frames of ten seconds that loop without a cut; only frame 0 is a keyframe.

    A `layered` one has three temporal layers (0, 2, 1, 2): no frame refers to one of layer 2, nor of layer 1 if
    those of layer 2 are left out. Encoded once and kept in the folder for temporary files.
    """
    name = f"greenroom-clip-{width}x{height}-{fps}{'-layered' * layered}.mkv"
    path = Path(tempfile.gettempdir()) / name
    if not path.exists():
        _encode(path, width, height, fps, layered=layered)
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def bitrate(width: int, height: int) -> int:
    """Return the bit/s of a camera: 800 kbit/s at 640×360, 2 Mbit/s at 1280×720."""
    return int(800_000 * (width * height / AREA) ** 0.66)


def _layers(rate: int) -> dict[str, str]:
    """Return the options of libvpx for three temporal layers."""
    shares = ",".join(str(int(rate * share / 1000)) for share in (0.4, 0.7, 1.0))
    return {
        "error-resilient": "1",
        "ts-parameters": f"ts_number_layers=3:ts_target_bitrate={shares}:ts_rate_decimator=4,2,1:"
        "ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3",
    }


def _encode(path: Path, width: int, height: int, fps: int, *, layered: bool) -> None:
    camera = Camera(width, height)
    unfinished = path.with_suffix(f".{os.getpid()}.mkv")
    rate = str(bitrate(width, height))
    options = {
        "cpu-used": "-6",
        "deadline": "realtime",
        "lag-in-frames": "0",
        "minrate": rate,
        "maxrate": rate,
    }
    if layered:
        options |= _layers(int(rate))
    with av.open(str(unfinished), "w") as container:
        stream = container.add_stream("libvpx", rate=fps, options={**options, "bufsize": rate})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate, stream.gop_size = int(rate), 3000
        stream.codec_context.thread_count = 1
        for i in range(camera.loop * fps // CAMERA_RATE):
            rgb = av.VideoFrame.from_ndarray(camera.frame(i * CAMERA_RATE // fps), format="rgb24")
            frame = rgb.reformat(format="yuv420p", threads=1)
            frame.pts, frame.time_base = i, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    unfinished.replace(path)


def opus_clip(packets: int = 100) -> list[bytes]:
    """Return Opus packets of 20 ms each, of a buzz that is about as dear to send as speech."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = OPUS_RATE, "stereo", av.AudioFormat("s16")
    encoder.bit_rate = 48_000
    rng, encoded = np.random.default_rng(1), []
    for i in range(packets):
        time = (np.arange(OPUS_SAMPLES) + i * OPUS_SAMPLES) / OPUS_RATE
        sound = 6000 * np.sign(np.sin(2 * np.pi * 130 * time)) * (1 + np.sin(2 * np.pi * 3 * time)) / 2
        samples = np.repeat(sound + rng.normal(0, 300, OPUS_SAMPLES), 2).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = OPUS_RATE, i * OPUS_SAMPLES, Fraction(1, OPUS_RATE)
        encoded += [bytes(packet) for packet in encoder.encode(frame)]
    return encoded
