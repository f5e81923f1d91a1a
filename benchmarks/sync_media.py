"""The flash and the beep of benchmarks.sync, encoded beforehand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from filters.base import planes_of
from tests.support.camera import Camera

FPS = 30  # frames per second, as a page's camera by default
OPUS_RATE = 48_000  # samples per second; RFC 7587, section 4.1
OPUS_SAMPLES = 960  # of a packet: 20 ms, as browsers send
BRIGHTER = 60  # levels; chosen
LOUD = 12_000.0  # amplitude, of 32,767; chosen


def flashing(beat: int, at: float, lasts: float) -> list[bytes]:
    """Return the VP8 frames of `beat` seconds, a keyframe first; brighter from `at` for `lasts` seconds."""
    frames = Camera(640, 360, loop=FPS * beat).video_frames(FPS * beat)
    for frame in frames[round(at * FPS) : round((at + lasts) * FPS)]:
        luma = planes_of(frame).y
        luma[:] = np.minimum(luma, 255 - BRIGHTER) + BRIGHTER
    return _encode_vp8(frames)


def beeping(beat: int, at: float, lasts: float) -> list[bytes]:
    """Return the Opus packets, 20 ms each, of `beat` seconds with a tone as long as the flash."""
    times = np.arange(beat * OPUS_RATE) / OPUS_RATE
    loud = (times >= at) & (times < at + lasts)
    return _encode_opus(LOUD * loud * np.sin(2 * np.pi * 1000 * times))


def _encode_vp8(frames: list[av.VideoFrame]) -> list[bytes]:
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.bit_rate, encoder.gop_size, encoder.thread_count = 800_000, 3000, 1
    encoder.options = {"cpu-used": "-6", "deadline": "realtime", "lag-in-frames": "0"}
    encoded = []
    for i, frame in enumerate(frames):
        frame.pts, frame.time_base = i, Fraction(1, FPS)
        encoded += [bytes(packet) for packet in encoder.encode(frame)]
    return encoded


def _encode_opus(sound: NDArray[np.floating[Any]]) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = OPUS_RATE, "stereo", av.AudioFormat("s16")
    encoder.bit_rate = 48_000
    encoded = []
    for start in range(0, len(sound), OPUS_SAMPLES):
        samples = np.repeat(sound[start : start + OPUS_SAMPLES], 2).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = OPUS_RATE, start, Fraction(1, OPUS_RATE)
        encoded += [bytes(packet) for packet in encoder.encode(frame)]
    return encoded
