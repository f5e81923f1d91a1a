"""A minute of chaos: faults of every kind, and no frame that comes out shows the room."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.chaos_faults import FAULTS, deck
from benchmarks.chaos_line import CHANGES, HEADER, Line, payload_at
from benchmarks.chaos_media import Clip, contrast, frames, unfiltered
from benchmarks.chaos_tally import LIMIT
from filters.backgrounds.background import Color
from filters.base import FilteredFrame
from filters.matting.segmenter import Segmenter, load_card
from filters.person import PersonFilter
from server.config.options import DEFAULT_MODEL, MODELS
from server.core.errors import DecodeError
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import Transcoder
from tests.support.camera import Camera

ROOT = Path(__file__).parents[2]
KINDS = 30
PACKET = HEADER.pack(0x90, 0xE0, 65_535, 1000, 7) + b"\xbe\xde\0\1\x10x\0\0" + bytes(range(100))


@pytest.mark.slow
def test_the_marker_is_measured_wherever_a_decoder_has_moved_it() -> None:
    picture = Camera(320, 180).frame(0)
    moved = np.roll(picture, 2, axis=1)
    for shown, expected in ((picture, 1.0), (moved, 0.9), (np.full_like(picture, 90), 0.0)):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
        assert contrast(frame) == pytest.approx(expected, abs=0.15)
    assert unfiltered() > 0.5


def test_a_picture_too_flat_for_the_stripes_is_looked_at_as_well() -> None:
    assert contrast(av.VideoFrame(11_040, 180, "yuv420p")) < LIMIT


def test_a_seed_chooses_the_faults_and_every_kind_comes() -> None:
    one, same, other = (list(islice(deck(random.Random(seed)), len(FAULTS))) for seed in (1, 1, 2))
    assert one == same != other
    assert sorted(one) == sorted(FAULTS)
    assert len(FAULTS) >= KINDS


def test_a_good_line_changes_nothing_and_numbers_wrap() -> None:
    line = Line(random.Random(1))
    assert line.pass_on([PACKET, PACKET]) == [PACKET, PACKET]
    line.number, line.time, line.source = 2, -2000, 1
    (packet,) = line.pass_on([PACKET])
    assert HEADER.unpack_from(packet) == (0x90, 0xE0, 1, 2**32 - 1000, 8)
    assert packet[12:] == PACKET[12:]


def test_what_is_held_back_comes_later_and_what_is_lost_never() -> None:
    line = Line(random.Random(1))
    line.rates = {"reorder": 1.0}
    assert line.pass_on([PACKET]) == []
    line.rates = {}
    assert line.pass_on([PACKET]) == [PACKET, PACKET]
    line.rates = {"drop": 1.0}
    assert line.pass_on([PACKET] * 5) == []
    line.rates = {"repeat": 1.0}
    assert line.pass_on([PACKET]) == [PACKET, PACKET]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_leaves_a_packet(name: str) -> None:
    line = Line(random.Random(1))
    line.rates = {name: 1.0}
    packets = line.pass_on([PACKET] * 20)
    assert len(packets) == 20
    assert any(packet != PACKET for packet in packets)
    assert payload_at(PACKET) == 20
    assert all(packet[:1] in (b"\x90", b"\xb0") for packet in packets)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "count", "after", "at"),
    [((320, 180), 40, (180, 320), 46), ((322, 182), 5, (480, 270), 1), ((426, 240), 20, (320, 180), 16)],
)
def test_frames_that_refer_to_another_stream_show_no_room(
    before: tuple[int, int], count: int, after: tuple[int, int], at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[float] = []

    def encode(_self: Transcoder, out: FilteredFrame, *_: object) -> list[object]:
        shown.append(contrast(out.frame))
        return []

    monkeypatch.setattr(Transcoder, "_encode", encode)
    background = Color(32, 64, 96)
    transcoder = Transcoder(PersonFilter(Segmenter(load_card(DEFAULT_MODEL, MODELS)), background))
    for i, data in enumerate(frames(Clip(before))[:count] + frames(Clip(after))[at : at + 25]):
        frame = EncodedFrame(data, 3000 * i, i == 0, "VP8", 0.0)
        with suppress(DecodeError):
            transcoder.transcode([frame], ["VP8"], keyframe=False)
    assert len(shown) > count
    assert max(shown) <= LIMIT


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_minute_of_chaos_shows_no_room(tmp_path: Path) -> None:
    report = tmp_path / "chaos.json"
    words = ["-m", "benchmarks.chaos", "--seed", "7", "--minutes", "1", "--json", str(report)]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert len(told["faults"]) >= KINDS
    assert told["frames"] > 0
    assert told["worst"] <= LIMIT
    assert told["outcomes"]["filtered"] > 0
