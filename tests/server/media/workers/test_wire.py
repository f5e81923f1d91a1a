"""What servers and workers say to each other, and what they make of nonsense."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from filters.backgrounds.background import (
    BUILTIN,
    CLIPS,
    Background,
    Blur,
    Clip,
    Color,
    Picture,
    PictureFile,
    encode_jpeg,
    parse_background,
    write_background,
)
from filters.base import FilteredFrame, FilterError
from filters.effects import Effects
from filters.matting.follow import Point, Target
from server.config.options import PICTURES
from server.media.codec.encoder import Vp8Encoder
from server.media.codec.frames import EncodedFrame
from server.media.workers.proxy import FilterProxy
from server.media.workers.wire import (
    LENGTH,
    MAX_MESSAGE,
    Job,
    Messages,
    end_of,
    read_answer,
    read_job,
    write_answer,
    write_job,
)
from tests.support.camera import Camera

FRAMES = [EncodedFrame(b"one", 0, True, "VP8", 12.5), EncodedFrame(b"", 3000, False, "H264", 13.5)]
JPEG = encode_jpeg(np.full((40, 60, 3), 90, np.uint8), (60, 40))


def again(job: Job) -> Job:
    """Return a job after its way to a worker, whose clock shows 7."""
    (content,) = Messages().add(write_job(job))
    return read_job(content, PICTURES, 7.0)


def test_jobs_are_read_as_they_were_written_but_for_the_time() -> None:
    job = Job(3, FRAMES, ["VP8", "H264"], True, False, 500_000, 2, True, None, False, Effects(True, False))
    assert again(job) == job._replace(frames=[frame._replace(arrival=7.0) for frame in FRAMES])
    assert again(end_of(3)) == end_of(3)


@pytest.mark.parametrize("follow", [(), (None,), (Point(0.25, 0.5),), ("centre",), ("nobody",)])
def test_whom_to_follow_is_told(follow: tuple[()] | tuple[Target | None]) -> None:
    assert again(end_of(1)._replace(follow=follow)).follow == follow


def test_a_new_worker_follows_nobody() -> None:
    control = FilterProxy(Blur())
    control.restart()
    assert (control.followed, control.target_to_tell()) == ("off", ())
    control.follow("centre")
    control.restart()
    assert (control.followed, control.target_to_tell(), control.target_to_tell()) == ("lost", ("centre",), ())
    control.restart()
    assert (control.followed, control.target_to_tell()) == ("lost", ("nobody",))
    control.follow(None)
    assert (control.followed, control.target_to_tell()) == ("off", (None,))
    control.restart()
    assert control.target_to_tell() == ()


@pytest.mark.parametrize("spec", ["blur", "blur-strong", "#00ff7f", *BUILTIN, *CLIPS])
def test_what_comes_with_the_program_goes_by_name(spec: str) -> None:
    job = end_of(1)._replace(frames=[], background=parse_background(spec, PICTURES))
    assert str(PICTURES).encode() not in write_job(job)
    background = again(job).background
    assert background is not None
    assert write_background(background) == (spec, b"")


def test_uploads_go_by_their_content() -> None:
    job = end_of(1)._replace(frames=FRAMES, background=PictureFile(JPEG))
    read = again(job)
    assert isinstance(read.background, PictureFile)
    assert read.background.source == JPEG
    assert [frame.data for frame in read.frames or []] == [b"one", b""]


def test_a_picture_that_was_decoded_goes_without_loss() -> None:
    picture = Picture(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    spec, content = write_background(picture)
    assert spec == ""
    assert content.startswith(b"\x89PNG")


def test_what_another_machine_can_not_have_goes_nowhere(tmp_path: Path) -> None:
    class Own(Background):
        paint = Color(0, 0, 0).paint

    clip = tmp_path / "own.webm"
    clip.write_bytes((PICTURES / f"{next(iter(CLIPS))}.webm").read_bytes())
    for unknown in (Own(), Clip(clip)):
        with pytest.raises(FilterError, match="can't go"):
            write_background(unknown)


@pytest.mark.slow
def test_answers_are_read_as_they_were_written() -> None:
    frame = FilteredFrame(Camera(64, 48).video_frames(1)[0])
    videos = [Vp8Encoder(300_000).encode(frame, 0, keyframe=True) for _ in range(2)]
    (content,) = Messages().add(write_answer({"camera": 1, "error": None}, videos))
    assert read_answer(content) == ({"camera": 1, "error": None}, videos)


def test_messages_come_in_any_pieces() -> None:
    data = write_job(end_of(1)) + write_job(end_of(2)) + write_job(end_of(3))
    for size in (1, 7, len(data)):
        messages, found = Messages(), []
        for start in range(0, len(data), size):
            found += messages.add(data[start : start + size])
        assert [read_job(content, PICTURES, 0.0).camera for content in found] == [1, 2, 3]


def test_a_message_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        Messages().add(LENGTH.pack(MAX_MESSAGE + 1))


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"\xff" * 8, LENGTH.pack(2) + b"[]", LENGTH.pack(9) + b"{}"]
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    for read in (read_answer, lambda content: read_job(content, PICTURES, 0.0)):
        with pytest.raises((ValueError, KeyError, struct.error)):
            read(content)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(number: str) -> None:
    head = f'{{"busy": {number}, "videos": []}}'.encode()
    with pytest.raises(ValueError, match="no number"):
        read_answer(LENGTH.pack(len(head)) + head)


def test_paths_are_no_backgrounds(tmp_path: Path) -> None:
    head = json.dumps(end_of(1)._asdict() | {"background": ["/etc/passwd", 0]}).encode()
    with pytest.raises(FilterError):
        read_job(LENGTH.pack(len(head)) + head, PICTURES, 0.0)


def test_blurs_keep_their_strength() -> None:
    assert write_background(Blur("strong")) == ("blur-strong", b"")
