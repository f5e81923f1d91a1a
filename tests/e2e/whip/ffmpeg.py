"""A camera on FFmpeg's WHIP muxer, as PyAV has it: `python -m tests.e2e.whip.ffmpeg URL TOKEN CERTIFICATE KEY`.

FFmpeg with GnuTLS makes a certificate on the curve secp224r1, which RFC 8422 has deprecated and OpenSSL 4 no longer
knows, so it needs one on another curve from us. Runs until it is killed.
"""

from __future__ import annotations

import itertools
import sys
import time
from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from tests.support.camera import Camera

RATE, SAMPLES = 30, 48_000
VIDEO = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "bf": "0", "g": "30"}


def main(url: str, token: str, certificate: str, key: str) -> None:
    """Publish the tests' camera, and silence."""
    options = {"authorization": token, "cert_file": certificate, "key_file": key}
    with av.open(url, "w", format="whip", options=options) as container:
        video = container.add_stream("libx264", rate=RATE, options=VIDEO)
        audio = container.add_stream("libopus", rate=SAMPLES, layout="stereo")
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        film, start = Camera(640, 360, loop=150).video_frames(150), time.monotonic()
        silence = np.zeros((1, 2 * 960), np.int16)
        for i in itertools.count():
            frame = film[i % len(film)]
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(video.encode(frame))
            for sample in range(
                i * SAMPLES // RATE // 960 * 960, (i + 1) * SAMPLES // RATE // 960 * 960, 960
            ):
                sound = av.AudioFrame.from_ndarray(silence, format="s16", layout="stereo")
                sound.sample_rate, sound.pts, sound.time_base = SAMPLES, sample, Fraction(1, SAMPLES)
                container.mux(audio.encode(sound))
            time.sleep(max(0.0, start + i / RATE - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
