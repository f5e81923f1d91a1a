"""filter_file on videos: frames, mattes and sound in step with the source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from filters.base import FilteredFrame, new_frame, planes_of
from filters.files.filter_file import MatteSink, filter_file
from filters.files.pixel_format import to_standard_format
from tests.support.media import (
    BLUE,
    GREEN,
    RED,
    Late,
    audio_of,
    clip,
    error_of,
    frames_of,
    picture_bytes,
    quarters,
    rgb,
    write_video,
)

GREEN_BT601 = (145, 54, 34)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_frames_line_up(tmp_path: Path, suffix: str) -> None:
    # Uneven times that start late, as screen recorders and phones write them.
    pts = [15000 + 512 * i + 100 * (i % 3) for i in range(12)]
    source = write_video(tmp_path / "in.mp4", [quarters(64, 48, 20 * i) for i in range(12)], pts=pts)
    target = tmp_path / f"out{suffix}"
    assert filter_file(source, target, Late) == 12
    before, after = frames_of(source), frames_of(target)
    assert len(after) == 12
    for one, other in zip(before, after, strict=True):
        assert other.time == pytest.approx(one.time, abs=5e-4 if suffix == ".mkv" else 1e-9)
        assert error_of(other, rgb(one)) < 3


@pytest.mark.parametrize(("width", "height"), [(65, 47), (64, 47), (65, 48), (480, 270)])
def test_any_size_is_kept(tmp_path: Path, width: int, height: int) -> None:
    pictures = [quarters(width, height)] * 2
    source = write_video(tmp_path / "in.mkv", pictures, codec="ffv1", pix_fmt="bgr0")
    filter_file(source, tmp_path / "out.mp4", Late, matte=tmp_path / "matte.mkv")
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.width, frame.height) == (width, height)
    assert error_of(frame, quarters(width, height)) < 6
    assert frames_of(tmp_path / "matte.mkv")[0].to_ndarray().shape == (height, width)


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotated_video_is_turned_upright(tmp_path: Path, rotation: int) -> None:
    source = write_video(
        tmp_path / "in.mp4",
        [quarters(64, 48)] * 3,
        setup=lambda stream: stream.set_display_rotation(rotation),
    )
    filter_file(source, tmp_path / "out.mp4", Late)
    frame = frames_of(tmp_path / "out.mp4")[0]
    upright = np.rot90(quarters(64, 48), rotation // 90)
    assert frame.rotation == 0
    assert rgb(frame).shape == upright.shape
    assert error_of(frame, upright) < 6


def test_matte_is_lossless_and_in_step(tmp_path: Path) -> None:
    filters: list[Late] = []

    def make(on_matte: MatteSink) -> Late:
        filters.append(Late(on_matte))
        return filters[0]

    source = clip(tmp_path / "in.mp4")
    filter_file(source, tmp_path / "out.mp4", make, matte=tmp_path / "matte.mkv")
    mattes = frames_of(tmp_path / "matte.mkv")
    assert [frame.format.name for frame in mattes] == ["gray"] * 6
    for frame, expected, original in zip(mattes, filters[0].mattes, frames_of(source), strict=True):
        np.testing.assert_array_equal(frame.to_ndarray(), expected)
        assert frame.time == pytest.approx(original.time, abs=5e-4)


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_mirrored_video_is_turned_upright(tmp_path: Path, rotation: int) -> None:
    source = write_video(
        tmp_path / "in.mp4",
        [quarters(64, 48)] * 3,
        setup=lambda stream: stream.set_display_rotation(rotation, hflip=True),
    )
    filter_file(source, tmp_path / "out.mp4", Late)
    upright = np.rot90(quarters(64, 48), rotation // 90)[:, ::-1]
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert rgb(frame).shape == upright.shape
    assert error_of(frame, upright) < 6


@pytest.mark.parametrize(
    ("codec", "suffix"), [("aac", ".mp4"), ("aac", ".mkv"), ("libopus", ".mp4"), ("pcm_s16le", ".mov")]
)
def test_audio_is_copied(tmp_path: Path, codec: str, suffix: str) -> None:
    source = write_video(tmp_path / "in.mkv", [quarters(64, 48)] * 12, audio=codec)
    target = tmp_path / f"out{suffix}"
    filter_file(source, target, Late)
    assert len(audio_of(target)) > 1000
    assert audio_of(target) == audio_of(source)


def test_audio_that_the_container_cannot_hold_becomes_aac(tmp_path: Path) -> None:
    source = write_video(
        tmp_path / "in.avi", [quarters(64, 48)] * 30, codec="mjpeg", pix_fmt="yuvj420p", audio="pcm_u8"
    )
    filter_file(source, tmp_path / "out.mp4", Late)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert heard.shape[1] == pytest.approx(48000, abs=2048)
    assert np.abs(heard[:, 4800:-4800]).max() > 0.4


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("codec", "kept_in"),
    [
        ("libopus", ".mkv"),
        ("libopus", ".webm"),
        ("flac", ".mkv"),
        ("pcm_s16le", ".mkv"),
        ("pcm_s16le", ".avi"),
        ("pcm_mulaw", ".mov"),
        ("adpcm_ms", ".avi"),
        ("mp2", ".ts"),
        ("aac", ".ts"),
        ("ac3", ".mkv"),
        ("alac", ".mov"),
    ],
)
def test_any_audio_is_heard_in_any_container(tmp_path: Path, codec: str, kept_in: str, suffix: str) -> None:
    video = {".webm": "libvpx", ".avi": "mpeg4"}.get(kept_in, "libx264")
    source = write_video(tmp_path / f"in{kept_in}", [quarters(64, 48)] * 12, codec=video, audio=codec)
    filter_file(source, tmp_path / f"out{suffix}", Late)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        heard = np.concatenate([f.to_ndarray().ravel() for f in container.decode(audio=0)])
    assert len(heard) > 12000


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        ("mjpeg", "yuvj420p"),
        ("libx264", "yuv444p"),
        ("libx264", "yuv420p10le"),
        ("ffv1", "bgr0"),
        ("ffv1", "gray"),
    ],
)
def test_any_pixel_format(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    source = write_video(tmp_path / "in.mkv", [quarters(64, 48)] * 3, codec=codec, pix_fmt=pix_fmt)
    filter_file(source, tmp_path / "out.mp4", Late)
    frame = frames_of(tmp_path / "out.mp4")[1]
    assert frame.format.name == "yuv420p"
    assert frame.color_range != 2  # full
    expected = quarters(64, 48)
    assert error_of(frame, expected if pix_fmt != "gray" else rgb(frames_of(source)[1])) < 6


def test_colour_tags_are_kept(tmp_path: Path) -> None:
    def tag(stream: VideoStream) -> None:
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1  # BT.709

    source = write_video(tmp_path / "in.mp4", [quarters(64, 48)] * 2, setup=tag)
    filter_file(source, tmp_path / "out.mp4", Late)
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1)


MATRICES = {1: Colorspace.ITU709, 2: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", MATRICES)
def test_the_colours_of_person_and_background_are_those_of_the_tags(
    tmp_path: Path, matrix: int, full: bool
) -> None:
    class HalfGreen(Late):
        def _emit(self) -> FilteredFrame:
            shown = super()._emit()
            for plane, colour in zip(planes_of(shown.frame), GREEN_BT601, strict=True):
                plane[:, plane.shape[1] // 2 :] = colour
            return shown

    pixels, color_range = quarters(64, 48), ColorRange.JPEG if full else ColorRange.MPEG
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, color_range
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=MATRICES[matrix], dst_color_range=color_range
        )
        frame.pts, frame.time_base = 0, Fraction(1, 30)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    filter_file(tmp_path / "in.mkv", tmp_path / "out.mkv", HalfGreen)
    (out,) = frames_of(tmp_path / "out.mkv")
    assert out.colorspace == (matrix if matrix == 2 else 6)
    seen = rgb(out).astype(int)
    assert np.abs(seen[:, 36:] - GREEN).max() <= 8
    assert np.abs(seen[4:20, 4:28] - RED).max() <= 8
    assert np.abs(seen[28:44, 4:28] - BLUE).max() <= 8


@pytest.mark.parametrize("matrix", [2, 5, 6])
def test_plain_pixels_are_filtered_as_they_are(matrix: int) -> None:
    frame, planes = new_frame(64, 48)
    for plane in planes:
        plane[:] = 99
    frame.colorspace = matrix
    assert to_standard_format(frame) is frame


def test_a_transparent_video_hides_what_it_hid(tmp_path: Path) -> None:
    for codec, pix_fmt, name in (
        ("libvpx-vp9", "yuva420p", "in.webm"),
        ("prores_ks", "yuva444p10le", "in.mov"),
        ("ffv1", "bgra", "in.mkv"),
    ):
        pixels = np.dstack([quarters(64, 48), np.full((48, 64), 255, np.uint8)])
        pixels[:, :32, 3] = 0
        with av.open(str(tmp_path / name), "w") as container:
            stream = cast(VideoStream, container.add_stream(codec, rate=30))
            stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
            if name == "in.webm":
                stream.metadata["alpha_mode"] = "1"
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pix_fmt)
            frame.pts, frame.time_base = 0, Fraction(1, 30)
            container.mux([*stream.encode(frame), *stream.encode(None)])
        filter_file(tmp_path / name, tmp_path / "out.mp4", Late)
        (out,) = frames_of(tmp_path / "out.mp4")
        seen = rgb(out).astype(int)
        assert seen[:, :28].min() > 245, name
        assert np.abs(seen[4:20, 36:] - GREEN).mean() < 8, name


def test_size_change_is_scaled_to_the_first_frame(tmp_path: Path) -> None:
    small, large = (picture_bytes(quarters(width, height), ".jpg") for width, height in ((64, 48), (128, 72)))
    source = tmp_path / "in.mjpeg"
    source.write_bytes(small * 3 + large * 3)
    assert filter_file(source, tmp_path / "out.mp4", Late) == 6
    for frame in frames_of(tmp_path / "out.mp4"):
        assert error_of(frame, quarters(64, 48)) < 6


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    filter_file(clip(tmp_path / "in.mp4"), tmp_path / "out.mp4", Late, progress=lambda *now: seen.append(now))
    assert seen == [(i, 6) for i in range(1, 7)]


pytestmark = pytest.mark.slow
