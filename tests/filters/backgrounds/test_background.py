"""What may be asked for as a background, and that it is painted at any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from filters.backgrounds.background import (
    BUILTIN,
    Background,
    Blur,
    Clip,
    Color,
    Picture,
    PictureFile,
    decode_picture,
    encode_jpeg,
    parse_background,
    write_background,
)
from filters.base import FilterError, Planes

PICTURES = Path(__file__).parents[3] / "static" / "backgrounds"
SIZES = [(640, 360), (641, 271), (480, 270), (360, 640)]
LEVELS = [60, 90, 120, 150, 180]

WriteClip = Callable[..., Path]


def paint(background: Background, width: int = 640, height: int = 360, time: float = 0) -> Planes:
    half = ((height + 1) // 2, (width + 1) // 2)
    source = Planes(*(np.full(shape, 99, np.uint8) for shape in ((height, width), half, half)))
    painted = background.paint(source, np.zeros((height, width), np.uint8), time)
    assert [plane.shape for plane in painted] == [plane.shape for plane in source]
    assert all(plane.dtype == np.uint8 and plane.strides[1] == 1 for plane in painted)
    return painted


def size_of(path: Path) -> tuple[int, int]:
    height, width, _ = decode_picture(path.read_bytes()).shape
    return width, height


@pytest.fixture
def write_clip(tmp_path: Path) -> WriteClip:
    """Write a clip of even grey frames of the luma levels given, 10 a second."""

    def write(levels: list[int], width: int = 128, height: int = 64, codec: str = "mpeg4") -> Path:
        path = tmp_path / "clip.avi"
        with av.open(path, "w") as container:
            stream = container.add_stream(codec, rate=10)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = width, height
            stream.pix_fmt = "rgb24" if codec == "png" else "yuv420p"
            for level in levels:
                frame = av.VideoFrame(width, height, "yuv420p")
                for plane, value in zip(frame.planes, (level, 128, 128), strict=True):
                    plane.update(bytes([value]) * plane.buffer_size)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write


def shown(clip: Clip, time: float) -> int:
    """Return which of LEVELS is on screen."""
    level = float(paint(clip, 64, 36, time).y.mean())
    return min(range(len(LEVELS)), key=lambda index: abs(LEVELS[index] - level))


@pytest.mark.parametrize("spec", ["blur", "blur-strong", "#00ff80", *BUILTIN])
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.slow
def test_everything_on_the_list_is_painted_at_every_size(spec: str, width: int, height: int) -> None:
    paint(parse_background(spec, PICTURES), width, height)


@pytest.mark.slow
def test_the_list_is_long_enough_and_every_entry_has_its_files() -> None:
    assert len(BUILTIN) >= 10
    for name in BUILTIN:
        assert size_of(PICTURES / f"{name}.jpg") == (1280, 720)
    for name in ("blur", "blur-strong", *BUILTIN):
        assert size_of(PICTURES / f"{name}.thumb.jpg") == (256, 144)
    assert sum(path.stat().st_size for path in PICTURES.glob("*.jpg")) <= 1_500_000


def test_a_colour_is_one_colour() -> None:
    painted = paint(parse_background("#FF0000", PICTURES))
    assert all(np.ptp(plane) == 0 for plane in painted)
    assert [int(plane[0, 0]) for plane in painted] == pytest.approx([81, 90, 240], abs=1)
    assert [int(plane[0, 0]) for plane in paint(Color(255, 255, 255))] == [235, 128, 128]


def test_a_picture_fills_the_frame_and_changes_size_with_it() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 255
    picture = Picture(image)
    for width, height in SIZES:
        luma = paint(picture, width, height).y
        assert luma[height // 2, width // 2] == 235
        assert (luma[:, 0].max() == 16) == (width > height)


def test_a_built_in_picture_travels_as_its_name() -> None:
    first, second = (parse_background("studio", PICTURES) for _ in range(2))
    assert first is not second
    assert isinstance(first, PictureFile)
    assert np.array_equal(paint(first, 64, 36).y, paint(second, 64, 36).y)
    assert write_background(first) == ("studio", b"")


@pytest.mark.parametrize(
    "spec", ["", "Blur", "#12345", "#1234567", "#12345g", "../studio", "studio.jpg", "upload:1"]
)
@pytest.mark.parametrize("files", [False, True])
def test_what_is_not_on_the_list_is_refused_with_the_list(spec: str, files: bool) -> None:
    with pytest.raises(
        FilterError, match=r"^unknown background .*; known: blur, blur-strong, #rrggbb, studio, "
    ):
        parse_background(spec, PICTURES, files=files)


def test_files_are_refused_unless_allowed(write_clip: WriteClip, tmp_path: Path) -> None:
    picture = tmp_path / "picture"
    picture.write_bytes(encode_jpeg(np.zeros((20, 20, 3), np.uint8), (20, 20)))
    clip = write_clip(LEVELS)
    for path in (picture, clip):
        with pytest.raises(FilterError, match="unknown background"):
            parse_background(str(path), PICTURES)
    assert isinstance(parse_background(str(picture), PICTURES, files=True), Picture)
    assert isinstance(parse_background(str(clip), PICTURES, files=True), Clip)
    assert isinstance(parse_background("blur", PICTURES, files=True), Blur)


def test_a_missing_built_in_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FilterError, match=r"studio\.jpg is missing"):
        parse_background("studio", tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"not a video", b"\xff\xd8\xff" + bytes(20), b"\0\0\0\x18ftypmp42" + bytes(64)]
)
def test_a_file_that_cannot_be_opened_is_an_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FilterError):
        parse_background(str(path), PICTURES, files=True)


def test_a_clip_follows_the_time_and_loops(write_clip: WriteClip) -> None:
    clip = Clip(write_clip(LEVELS))
    seen = [shown(clip, 1000 + step / 20 + 0.01) for step in range(24)]
    assert seen == [step // 2 % 5 for step in range(24)]


def test_a_clip_keeps_its_pace_when_pictures_are_missed(write_clip: WriteClip) -> None:
    clip = Clip(write_clip(LEVELS))
    assert [shown(clip, time) for time in (0, 0.31, 0.41, 0.72)] == [0, 3, 4, 2]


def test_a_clip_goes_on_after_a_jump_in_time(write_clip: WriteClip) -> None:
    clip = Clip(write_clip(LEVELS))
    shown(clip, 5)
    first = shown(clip, 1e6)
    assert shown(clip, 1e6 + 0.11) == (first + 1) % 5
    assert shown(clip, 2) == (first + 1) % 5
    assert shown(clip, 2.11) == (first + 2) % 5


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_clip_is_cropped_to_cover(write_clip: WriteClip, width: int, height: int) -> None:
    clip = Clip(write_clip([120] * 3))
    for plane, level in zip(paint(clip, width, height), (120, 128, 128), strict=True):
        assert np.abs(plane.astype(int) - level).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(16_383, 127), (127, 16_383)])
def test_a_clip_behind_a_long_narrow_frame_is_cut_before_it_is_enlarged(
    write_clip: WriteClip, monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    made: list[int] = []

    class Watched:
        def reformat(self, frame: av.VideoFrame, width: int, height: int, **options: Any) -> av.VideoFrame:  # noqa: ANN401 - VideoReformatter's
            made.append(width * height)
            return VideoReformatter().reformat(frame, width, height, **options)

    monkeypatch.setattr("filters.backgrounds.clip.VideoReformatter", Watched)
    paint(Clip(write_clip([120] * 3)), width, height)
    assert max(made) <= width * height


def test_a_clip_of_one_picture_stands_still(write_clip: WriteClip) -> None:
    clip = Clip(write_clip([150]))
    assert [shown(clip, time) for time in range(5)] == [3] * 5


def test_a_broken_clip_holds_its_last_good_picture(write_clip: WriteClip) -> None:
    path = write_clip([60, 90, 120, 150, 180] * 2, codec="png")
    data = path.read_bytes()
    images = [at for at in range(len(data)) if data.startswith(b"\x89PNG", at)]
    path.write_bytes(data[: images[3]] + bytes(40) + data[images[3] + 40 :])
    clip = Clip(path)
    assert [shown(clip, step / 10) for step in range(8)] == [0, 1, 2, 2, 2, 2, 2, 2]


def test_a_clip_that_is_gone_holds_its_last_picture(write_clip: WriteClip) -> None:
    path = write_clip(LEVELS)
    clip = Clip(path)
    path.unlink()
    assert [shown(clip, step / 10 + 0.01) for step in range(8)] == [0, 1, 2, 3, 4, 4, 4, 4]
