"""What the filter on the device lets out, and what it does to the server's.

    python -m benchmarks.device_filter SUITE [--clips TEXT] [--frames N] [--json FILE] [--sheet PNG]

SUITE is as in benchmarks.quality. The rows are the server's filter alone and behind the device's, as the page runs it
(by Node); without a codec between, and with VP8 as a page sends it.

`leaves` is the share of the true room (alpha < 0.02), in per cent, that leaves the device sharp: mean over the frames,
and what a patient server has seen in the end; `cut` that of the true person (alpha > 0.98) which doesn't. `leak` and
`union` are what receivers see of the room: sharp in the device's picture, and shown by the server.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeAlias

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics import PERSON, ROOM, SHOWN, Meter
from benchmarks.quality import MODELS, Clip, suite
from filters.backgrounds.background import Color
from filters.base import Plane
from filters.matting.segmenter import Segmenter, load_card
from filters.person import PersonFilter
from server.config.options import DEFAULT_MODEL
from tests.support.device_filter import filter_pictures

BITRATE = 1_500_000  # of a page by default, bit/s
GREEN = Color(0, 177, 64)  # levels of red, green and blue: a green of chroma keying; chosen

Pictures: TypeAlias = list[NDArray[np.uint8]]
"""I420, (height * 3 / 2, width) each."""
Masks: TypeAlias = list[NDArray[np.bool_]]


class Row(NamedTuple):
    """What reaches the server of a clip, and where it is sharp."""

    pictures: Pictures
    sharp: Masks


def frame_of(picture: NDArray[np.uint8], index: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, 30)
    return frame


def through_vp8(pictures: Pictures) -> Pictures:
    """Return what a server decodes of what a page encodes."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
    encoder.pix_fmt, encoder.time_base, encoder.bit_rate = "yuv420p", Fraction(1, 30), BITRATE
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    decoder = av.CodecContext.create("vp8", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    packets = [p for i, each in enumerate(pictures) for p in encoder.encode(frame_of(each, i))]
    decoded = [f for p in [*packets, *encoder.encode(None)] for f in decoder.decode(p)]
    return [f.to_ndarray().astype(np.uint8) for f in [*decoded, *decoder.decode(None)]]


def server_mattes(pictures: Pictures, network: Segmenter) -> list[Plane]:
    """Return the mattes of the whole filter."""
    mattes: list[Plane] = []
    person = PersonFilter(network, GREEN, on_matte=mattes.append)
    for index, picture in enumerate(pictures):
        person.filter(frame_of(picture, index))
    person.flush()
    return mattes


def device_rows(pictures: Pictures, network: Segmenter) -> dict[str, Row]:
    """Return the rows of the table for one clip."""
    height, width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
    sent = filter_pictures(pictures, (width, height), network.card)
    blurred = [each.picture.reshape(height * 3 // 2, width) for each in sent]
    sharp, all_of_it = [each.sharp for each in sent], [np.ones((height, width), bool)] * len(pictures)
    return {
        "server": Row(pictures, all_of_it),
        "server, VP8": Row(through_vp8(pictures), all_of_it),
        "both": Row(blurred, sharp),
        "both, VP8": Row(through_vp8(blurred), sharp),
    }


def exposure(row: Row, mattes: list[Plane], truths: list[Plane]) -> dict[str, float]:
    """Return what leaves, what is cut, and what is seen, in per cent."""
    room = np.stack([truth < 255 * ROOM for truth in truths])
    person = np.stack([truth > 255 * PERSON for truth in truths])
    sharp = np.stack(row.sharp)
    seen = sharp & np.stack([matte > 255 * SHOWN for matte in mattes])

    def shares(out: NDArray[np.bool_]) -> tuple[float, float]:
        out = out & room
        each = out.sum((1, 2)) / np.maximum(room.sum((1, 2)), 1)
        return float(100 * each.mean()), float(100 * out.any(0).sum() / max(int(room.any(0).sum()), 1))

    leaves, leaves_union = shares(sharp)
    leak, union = shares(seen)
    cut = float(100 * (person & ~sharp).sum() / max(int(person.sum()), 1))
    return {"leaves": leaves, "leaves union": leaves_union, "cut": cut, "leak": leak, "union": union}


def measure(
    clip: Clip, network: Segmenter, frames: int | None, on_row: Callable[[str, Row], None]
) -> dict[str, dict[str, float]]:
    """Return the figures of each row on one clip."""
    pictures = [f.reformat(format="yuv420p").to_ndarray().astype(np.uint8) for f in clip.frames(frames)]
    truths = [_grey(path) for path in clip.mattes()[: len(pictures)]]
    figures = {}
    for name, row in device_rows(pictures, network).items():
        on_row(name, row)
        mattes, meter = server_mattes(row.pictures, network), Meter()
        for matte, truth in zip(mattes, truths, strict=True):
            meter.add(matte, truth)
        scores = meter.scores()
        kept = {key: getattr(scores, key) for key in ("iou", "mad", "dtssd", "lost")}
        figures[name] = kept | exposure(row, mattes, truths)
    return figures


def _grey(path: Path) -> Plane:
    truth: Plane = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)  # type: ignore[assignment]
    return truth


def main() -> None:
    """Measure a suite and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", type=Path)
    parser.add_argument("--clips", default="", help="only the clips whose names hold this")
    parser.add_argument("--frames", type=int, help="only so many frames of each clip")
    parser.add_argument("--json", type=Path, help="write all figures, clip by clip")
    parser.add_argument(
        "--sheet", type=Path, help="write a picture of each clip, as it is and as it leaves the device"
    )
    arguments = parser.parse_args()
    clips = [clip for clip in suite(arguments.suite, arguments.clips) if clip.truth]
    if not clips:
        parser.error("no such clips with known mattes")
    network = Segmenter(load_card(DEFAULT_MODEL, MODELS))
    shown: dict[str, list[Plane]] = {}
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for clip in clips:

        def keep(name: str, row: Row, clip: Clip = clip) -> None:
            if "VP8" not in name:
                middle = cv2.cvtColor(row.pictures[len(row.pictures) // 2], cv2.COLOR_YUV2BGR_I420)
                shown.setdefault(clip.name, []).append(cv2.resize(middle, (480, 270)))  # type: ignore[arg-type]

        for name, told in measure(clip, network, arguments.frames, keep).items():
            figures.setdefault(name, {})[clip.name] = told
    columns = list(next(iter(figures["both"].values())))
    print(f"{'':14}" + " ".join(f"{column:>12}" for column in columns))
    for name, by_clip in figures.items():
        means = [float(np.nanmean([each[column] for each in by_clip.values()])) for column in columns]
        print(f"{name:14}" + " ".join(f"{mean:12.3f}" for mean in means))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))
    if arguments.sheet:
        cv2.imwrite(str(arguments.sheet), np.vstack([np.hstack(pair) for pair in shown.values()]))


if __name__ == "__main__":
    main()
