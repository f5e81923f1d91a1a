"""Pictures that are none of a film's, as decoders make them where a keyframe or a packet is missing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import PictureType
from av.video.stream import VideoStream

from benchmarks.chaos_media import FPS, Clip, contrast, frames
from benchmarks.chaos_tally import LIMIT
from filters.backgrounds.background import Color
from filters.base import FilteredFrame, Plane, new_frame
from filters.blockiness import MAX_DOUBTED
from filters.files.damage import PictureWatch
from filters.files.filter_file import MatteSink, filter_file
from filters.matting.segmenter import Segmenter, load_card
from filters.person import PersonFilter
from server.config.options import DEFAULT_MODEL, MODELS
from tests.filters.test_blockiness import mixed
from tests.support.camera import Camera
from tests.support.media import Late, write_video

WIDTH, HEIGHT = 320, 192
ROOM: Plane = Camera(WIDTH, HEIGHT).frame(0)[..., 1]
OTHER: Plane = 255 - ROOM[::-1]


def doubts(
    watch: PictureWatch,
    luma: Plane,
    kind: PictureType = PictureType.P,
    form: str = "yuv420p",
    *,
    damaged: bool = False,
) -> bool:
    frame, planes = new_frame(luma.shape[1], luma.shape[0])
    planes.y[:], planes.u[:], planes.v[:] = luma, 128, 128
    frame = frame.reformat(format=form)
    frame.pict_type = kind
    return watch.doubts(frame, damaged=damaged)


@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le", "nv12", "yuv444p"])
def test_rubbish_is_doubted_until_a_picture_that_needs_no_other(form: str) -> None:
    watch, rubbish = PictureWatch(), mixed(ROOM, 1 / 4)
    assert not doubts(watch, ROOM, form=form)
    assert all(doubts(watch, rubbish, form=form) for _ in range(30))
    assert not doubts(watch, rubbish, PictureType.I, form)


def test_after_many_only_a_picture_that_needs_no_other_is_believed() -> None:
    watch, rubbish = PictureWatch(), mixed(ROOM, 1 / 4)
    assert not doubts(watch, ROOM)
    assert all(doubts(watch, rubbish) for _ in range(MAX_DOUBTED))
    assert not doubts(watch, ROOM)
    assert all(doubts(watch, rubbish) for _ in range(MAX_DOUBTED + 1))
    assert doubts(watch, ROOM)
    assert not doubts(watch, ROOM, PictureType.I)
    assert not doubts(watch, ROOM)


def test_what_a_decoder_calls_damaged_is_doubted_and_no_cut_follows_it() -> None:
    watch = PictureWatch()
    assert not doubts(watch, ROOM)
    assert doubts(watch, ROOM, damaged=True)
    assert doubts(watch, mixed(OTHER))
    assert not doubts(watch, ROOM)


def test_rubbish_that_turns_into_other_rubbish_is_no_cut() -> None:
    watch = PictureWatch()
    assert not doubts(watch, ROOM)
    assert doubts(watch, mixed(ROOM, 1 / 4))
    assert doubts(watch, mixed(OTHER))
    assert not doubts(watch, ROOM)


def test_a_cut_is_not_doubted_however_coarse() -> None:
    watch, coarse = PictureWatch(), np.kron(OTHER[8::16, 8::16], np.ones((16, 16), np.uint8))
    assert [doubts(watch, luma) for luma in (ROOM, coarse, coarse, ROOM)] == [False] * 4


def page() -> Plane:
    """Return lines of text, 24 px apart."""
    lines = np.full((2000, WIDTH), 245, np.uint8)
    for y in range(24, 2000, 24):
        cv2.putText(lines, f"line {y * y} of many", (10, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 20)
    return lines


def test_text_that_scrolls_and_bars_that_come_are_not_doubted() -> None:
    watch, text = PictureWatch(), page()
    assert not any(doubts(watch, text[i : i + HEIGHT]) for i in range(100))
    barred = ROOM.copy()
    barred[:32] = barred[-32:] = 16
    assert not any(doubts(watch, luma) for luma in [ROOM, *[barred] * 5])


def film(path: Path, packets: Sequence[bytes], size: tuple[int, int]) -> Path:
    """Write VP8 as it is."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        container.start_encoding()
        for i, data in enumerate(packets):
            packet = av.Packet(data)
            packet.pts = packet.dts = i
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, FPS), not data[0] & 1
            container.mux(packet)
    return path


class Measured(PersonFilter):
    """Measures how much of the marker comes out."""

    def __init__(self, on_matte: MatteSink) -> None:
        super().__init__(Segmenter(load_card(DEFAULT_MODEL, MODELS)), Color(32, 64, 96), on_matte=on_matte)
        self.shown: list[float] = []

    def _emit(self) -> FilteredFrame:
        out = super()._emit()
        self.shown.append(contrast(out.frame))
        return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "count", "after", "at"),
    [((320, 180), 40, (180, 320), 46), ((322, 182), 5, (480, 270), 1), ((426, 240), 20, (320, 180), 16)],
)
def test_a_film_that_goes_on_as_another_shows_no_room(
    tmp_path: Path, before: tuple[int, int], count: int, after: tuple[int, int], at: int
) -> None:
    source = film(
        tmp_path / "in.webm", frames(Clip(before))[:count] + frames(Clip(after))[at : at + 25], before
    )
    made: list[Measured] = []
    told: list[str] = []

    def make(on_matte: MatteSink) -> Measured:
        made.append(Measured(on_matte))
        return made[0]

    assert filter_file(source, tmp_path / "out.mp4", make, warn=told.append) == len(made[0].shown) > count
    assert max(made[0].shown) <= LIMIT
    assert f"is damaged, first at about {count / FPS:.0f} s" in " ".join(told)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "options"),
    [("libvpx", {"deadline": "realtime"}), ("libx264", {"x264-params": "scenecut=0:keyint=infinite"})],
)
@pytest.mark.parametrize("bitrate", [60_000, 600_000])
def test_cuts_between_keyframes_are_not_told(
    tmp_path: Path, codec: str, options: dict[str, str], bitrate: int
) -> None:
    def setup(stream: VideoStream) -> None:
        stream.bit_rate, stream.codec_context.gop_size = bitrate, 3000
        stream.options = {**options}

    one = [Camera(WIDTH, HEIGHT, loop=60).frame(i) for i in range(12)]
    other = [np.ascontiguousarray(255 - picture[:, ::-1]) for picture in one]
    source = write_video(tmp_path / "in.mkv", one + other + one, codec=codec, setup=setup)
    told: list[str] = []
    filter_file(source, tmp_path / "out.mp4", Late, warn=told.append)
    assert not told
