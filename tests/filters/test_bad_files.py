"""filter_file on what can't be done: one error, and no file that wasn't there before."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from filters.files import filter_file
from filters.reader import MediaError
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
