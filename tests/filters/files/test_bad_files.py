"""filter_file on what can't be done: one error, and no file that wasn't there before."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filters.files.errors import MediaError
from filters.files.filter_file import filter_file
from tests.support.media import Late, clip, picture_bytes, write_tone, write_video
from tests.support.person import Picture


def truncate(path: Path, share: float = 0.6) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def noise(n: int = 20) -> list[Picture]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(n)]


def bad_sources(folder: Path) -> dict[str, Path]:
    sources = {name: folder / name for name in ("missing.mp4", "text.mp4", "empty.mp4", "short.jpg")}
    sources["text.mp4"].write_text("not a video at all\n" * 100)
    sources["empty.mp4"].touch()
    sources["short.jpg"].write_bytes(picture_bytes(noise()[0], ".jpg")[:-400])
    for suffix in (".mp4", ".mkv", ".avi"):
        codec, pix_fmt = ("mjpeg", "yuvj420p") if suffix == ".avi" else ("libx264", "yuv420p")
        path = folder / f"short{suffix}"
        sources[path.name] = truncate(write_video(path, noise(), codec=codec, pix_fmt=pix_fmt))
    faststart = write_video(folder / "faststart.mp4", noise(), options={"movflags": "+faststart"})
    sources["faststart.mp4"] = truncate(faststart)
    sound = folder / "sound.mkv"
    with av.open(str(sound), "w") as container:
        write_tone(container, container.add_stream("aac", rate=48000, layout="mono"), 9600)
    sources["sound.mkv"] = sound
    no_frames = folder / "no-frames.mkv"
    with av.open(str(no_frames), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    sources["no-frames.mkv"] = no_frames
    return sources


def test_bad_sources_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name, source in bad_sources(tmp_path).items():
        suffix = ".png" if name.endswith(".jpg") else ".mp4"
        with pytest.raises(MediaError, match=name):
            filter_file(source, tmp_path / "out" / f"{name}{suffix}", Late)
        assert not list((tmp_path / "out").iterdir()), name


def test_bad_targets_are_refused(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4")
    original = source.read_bytes()
    (tmp_path / "hard.mp4").hardlink_to(source)
    (tmp_path / "folder.mp4").mkdir()
    before = sorted(tmp_path.iterdir())
    for target in ("in.mp4", "hard.mp4", "folder.mp4", "nowhere/out.mp4", "out.png", "out", "out.webm"):
        with pytest.raises(MediaError):
            filter_file(source, tmp_path / target, Late)
    for matte in ("in.mp4", "out.mp4", "matte.mp4", "matte.png", "nowhere/matte.mkv"):
        with pytest.raises(MediaError):
            filter_file(source, tmp_path / "out.mp4", Late, matte=tmp_path / matte)
    with pytest.raises(MediaError):
        filter_file(source, tmp_path / "out.mp4", Late, transparent=True)
    assert sorted(tmp_path.iterdir()) == before
    assert source.read_bytes() == original


def test_a_photo_too_wide_for_a_jpeg_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(picture_bytes(np.zeros((2, 66_000, 3), np.uint8), ".png"))
    with pytest.raises(MediaError, match="too large"):
        filter_file(tmp_path / "in.png", tmp_path / "out.jpg", Late)
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def write_over(path: Path, first: float, length: int, target: Path) -> Path:
    """Copy a file with `length` bytes of noise, from that share of it on."""
    data = bytearray(path.read_bytes())
    at = int(len(data) * first)
    data[at : at + length] = np.random.default_rng(0).bytes(length)
    target.write_bytes(data)
    return target


def long_clip(path: Path, codec: str = "libvpx") -> Path:
    return write_video(path, noise(150), codec=codec, audio="libopus")


def test_a_film_whose_end_cannot_be_read_is_refused(tmp_path: Path) -> None:
    source = write_over(long_clip(tmp_path / "in.webm"), 0.4, 400_000, tmp_path / "bad.webm")
    with pytest.raises(MediaError, match=r"bad\.webm: is damaged at about \d s, and \d s"):
        filter_file(source, tmp_path / "out.mp4", Late)
    assert not (tmp_path / "out.mp4").exists()


def test_a_hole_in_a_film_is_told(tmp_path: Path) -> None:
    whole = tmp_path / "in.mkv"
    with av.open(str(whole), "w", options={"cluster_time_limit": "500"}) as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        tone = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        sound = np.zeros((1, 1600), np.int16)
        for i, picture in enumerate(noise(150)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 30)
            container.mux(stream.encode(frame))
            heard = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
            heard.sample_rate, heard.pts = 48000, 1600 * i
            container.mux(tone.encode(heard))
        container.mux([*stream.encode(None), *tone.encode(None)])
    told: list[str] = []
    filter_file(whole, tmp_path / "whole.mp4", Late, warn=told.append)
    assert not told
    holed = write_over(whole, 0.4, whole.stat().st_size // 3, tmp_path / "holed.mkv")
    filter_file(holed, tmp_path / "out.mp4", Late, warn=told.append)
    assert "is damaged, first at about 2 s" in " ".join(told)


@pytest.mark.parametrize("options", [{}, {"live": "1"}])
def test_sound_or_picture_may_end_long_before_the_other(tmp_path: Path, options: dict[str, str]) -> None:
    for frames, seconds in ((1, 4), (120, 1)):
        source = tmp_path / f"{seconds}.mkv"
        with av.open(str(source), "w", options=options) as container:
            stream = container.add_stream("mjpeg", rate=30)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
            tone = container.add_stream("pcm_s16le", rate=48000, layout="mono")
            for i, picture in enumerate(noise(frames)):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 30)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            write_tone(container, tone, 48000 * seconds)
        told: list[str] = []
        assert filter_file(source, tmp_path / "out.mkv", Late, warn=told.append) == frames
        assert not told


@pytest.mark.parametrize("length", [230, 250, 300, 5000])
def test_a_name_that_is_too_long_is_refused(tmp_path: Path, length: int) -> None:
    source, long = clip(tmp_path / "in.mp4"), "x" * length
    for target, matte in ((f"{long}.mp4", None), ("out.mp4", tmp_path / f"{long}.mkv")):
        if length == 230:
            filter_file(source, tmp_path / target, Late, matte=matte)
            continue
        with pytest.raises(MediaError, match="cannot be written: File name too long"):
            filter_file(source, tmp_path / target, Late, matte=matte)
        assert list(tmp_path.iterdir()) == [source]
    with pytest.raises(MediaError):
        filter_file(tmp_path / ("x" * 300), tmp_path / "out.mp4", Late)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_run_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    source, target = clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    target.write_bytes(b"old")

    def interrupt(done: int, _expected: int | None) -> None:
        if done == 3:
            raise error

    with pytest.raises(error):
        filter_file(source, target, Late, matte=tmp_path / "matte.mkv", progress=interrupt)
    assert sorted(tmp_path.iterdir()) == [source, target]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("fail_at", [0, 3, 4])
def test_a_withheld_frame_ends_the_run(tmp_path: Path, fail_at: int) -> None:
    source = clip(tmp_path / "in.mp4")
    with pytest.raises(MediaError, match="filter failed"):
        filter_file(source, tmp_path / "out.mp4", lambda on_matte: Late(on_matte, fail_at))
    assert list(tmp_path.iterdir()) == [source]


pytestmark = pytest.mark.slow
