"""What the filter costs: milliseconds of CPU a frame on one thread, by background and size.

    python -m benchmarks.filter [--frames 150] [--size 640x360 ...] [--model NAME] [--json FILE]

The content is the tests' camera: a real person who sways in front of a cluttered room; for the rows with effects (and
with `none`) somebody who stands still in the dark, beside the middle, and needs them. Every figure is scaled by an
interleaved run of the bare landscape network at its own size, so that machines and busy moments compare: one unit is
what that network takes on a quiet core (0.97 ms on an AMD EPYC, Zen 5).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from filters.backgrounds.background import parse_background
from filters.base import Planes
from filters.effects import parse_effects
from filters.matting.segmenter import Segmenter, load_card
from filters.matting.smoother import SMOOTHERS
from filters.person import PersonFilter
from server.config.options import DEFAULT_MODEL, MODELS, PICTURES
from tests.support.camera import Camera
from tests.support.placed import Place, frame_at

REFERENCE_MS = 0.97  # of the bare landscape network on a quiet core of an AMD EPYC, Zen 5; measured
BACKGROUNDS = ("#206040", "fjord", "blur", "blur-strong")
EFFECTS = ("none", "framing", "low-light", "framing,low-light")
ASIDE, LIGHT = Place(0.35, 0.6), 0.35  # shares of the frame's width and height; of the photo's light; chosen


class Cost(NamedTuple):
    """CPU milliseconds a frame."""

    mean: float
    p50: float
    p95: float
    scaled_mean: float


class Reference:
    """The landscape network on a grey picture, run now and then beside what is measured."""

    def __init__(self) -> None:
        self._segmenter = Segmenter(load_card("selfie_landscape", MODELS))
        self._grey = np.full((144, 256), 128, np.uint8)
        self.times: list[float] = []

    def run(self) -> None:
        start = time.thread_time()
        self._segmenter(Planes(self._grey, self._grey[::2, ::2], self._grey[::2, ::2]))
        self.times.append((time.thread_time() - start) * 1e3)


def measure(
    segmenter: Segmenter, film: list[av.VideoFrame], background: str, smoother: str, effects: str = ""
) -> Cost:
    """Filter the film once; the first ten frames, which look harder, count as well."""
    person = PersonFilter(segmenter, parse_background(background, PICTURES), smoother=SMOOTHERS[smoother]())
    person.effects = parse_effects(effects)
    reference, times = Reference(), []
    for index, frame in enumerate(film):
        if index % 5 == 0:
            reference.run()
        start = time.thread_time()
        person.filter(frame)
        times.append((time.thread_time() - start) * 1e3)
    if person.errors:
        raise SystemExit(f"the filter failed {person.errors} times")
    speed = REFERENCE_MS / float(np.median(reference.times))
    mean = float(np.mean(times))
    return Cost(mean, float(np.median(times)), float(np.percentile(times, 95)), mean * speed)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--size", nargs="+", default=["640x360", "1280x720"])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--smoother", default="adaptive", choices=list(SMOOTHERS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    segmenter = Segmenter(load_card(options.model, MODELS))
    rows = []
    print(
        f"{'size':>10} {'background':<24} {'mean':>6} {'p50':>6} {'p95':>6} {'scaled mean':>12}   ms of CPU a frame"
    )
    for size in options.size:
        width, height = map(int, size.split("x"))
        film = Camera(width, height, loop=options.frames).video_frames(options.frames)
        work = [(film, background, "") for background in BACKGROUNDS]
        film = [frame_at(ASIDE, i, light=LIGHT, width=width, height=height) for i in range(options.frames)]
        work += [(film, "fjord", effects) for effects in EFFECTS]
        for film, background, effects in work:
            cost = measure(segmenter, film, background, options.smoother, effects.replace("none", ""))
            name = f"{background} {effects}".rstrip()
            print(
                f"{size:>10} {name:<24} {cost.mean:6.2f} {cost.p50:6.2f} {cost.p95:6.2f} {cost.scaled_mean:12.2f}"
            )
            rows.append({"size": size, "background": background, "effects": effects, **cost._asdict()})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
