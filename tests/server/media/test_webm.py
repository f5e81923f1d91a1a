"""The file of a recording: whole at any moment, in order, and of the size of its pictures."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from server.media.codec.encoder import FilteredVideo, Vp8Encoder
from server.media.recording.webm import CLUSTER, REORDERING, WebmFile
from tests.support.painting import even, speech


def film(n: int, luma: int = 90) -> list[FilteredVideo]:
    encoder = Vp8Encoder(300_000)
    return [encoder.encode(even(160, 96, luma), 3000 * i, keyframe=i == 0) for i in range(n)]


def write(file: WebmFile, seconds: float, start: int = 0) -> None:
    """Write pictures and sound as they come, 30 and 50 a second."""
    pictures = [(start + 1000 * i // 30, video) for i, video in enumerate(film(round(30 * seconds)))]
    sounds = [(start + 20 * i, packet.data) for i, packet in enumerate(speech(round(50 * seconds)))]
    for time, video in pictures:
        while sounds and sounds[0][0] <= time:
            at, opus = sounds.pop(0)
            file.write_audio(opus, at)
        file.write_video(video, time)
    for at, opus in sounds:
        file.write_audio(opus, at)


def times(path: Path, kind: str) -> list[float]:
    """Return the times of what can be decoded."""
    with av.open(str(path)) as container:
        if kind == "video":
            return [frame.time or 0.0 for frame in container.decode(video=0)]
        return [frame.time or 0.0 for frame in container.decode(audio=0)]


def test_what_is_written_can_be_played(tmp_path: Path) -> None:
    file = WebmFile(tmp_path / "a.webm", (640, 360))
    write(file, 3.0, start=5000)
    file.close()
    assert (file.start, file.end) == (5000, 7980)
    with av.open(str(file.path)) as container:
        assert container.duration == 2_980_000
        (video,), (audio,) = container.streams.video, container.streams.audio
        assert (video.width, video.height) == (160, 96)
        assert (audio.codec_context.name, audio.rate) == ("opus", 48_000)
    pictures, sounds = times(file.path, "video"), times(file.path, "audio")
    assert pictures == pytest.approx([i / 30 for i in range(90)], abs=0.001)
    assert sounds == pytest.approx([i / 50 for i in range(150)])
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_nobody_closed_is_whole_but_for_the_end(tmp_path: Path) -> None:
    file = WebmFile(tmp_path / "a.webm", (640, 360))
    write(file, 5.0)
    lost = (CLUSTER + REORDERING) / 1000
    assert times(file.path, "video")[-1] > 5.0 - lost - 0.1
    assert times(file.path, "audio")[-1] > 5.0 - lost - 0.1
    torn = tmp_path / "torn.webm"
    torn.write_bytes(file.path.read_bytes()[:-700])
    assert times(torn, "video")[-1] > 2.0
    file.close()


def test_late_sound_is_put_in_its_place_and_a_late_picture_is_never_left_out(tmp_path: Path) -> None:
    file = WebmFile(tmp_path / "a.webm", (640, 360))
    pictures, sounds = film(90), speech(150)
    for i, packet in enumerate(sounds):
        file.write_audio(sounds[i ^ 1].data, 20 * (i ^ 1))
        if i % 5 in (1, 3, 4):
            # Pictures lag by more than the file waits.
            file.write_video(pictures[3 * (i // 5) + (1, 3, 4).index(i % 5)], max(0, 20 * i - 2000))
        assert packet
    file.close()
    with av.open(str(file.path)) as container:
        stamps = [packet.pts for packet in container.demux(audio=0) if packet.pts is not None]
    assert stamps == [20 * i for i in range(150)]
    assert len(times(file.path, "video")) == 90


def test_sound_alone_is_a_file_too(tmp_path: Path) -> None:
    file = WebmFile(tmp_path / "a.webm", (640, 360))
    for i, packet in enumerate(speech(100)):
        file.write_audio(packet.data, 20 * i)
    file.close()
    assert len(times(file.path, "audio")) == 100
    with av.open(str(file.path)) as container:
        assert container.streams.video[0].width == 640


def test_nothing_makes_no_file(tmp_path: Path) -> None:
    file = WebmFile(tmp_path / "a.webm", (640, 360))
    file.close()
    assert not list(tmp_path.iterdir())


def test_it_neither_follows_links_nor_overwrites(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("…")
    (tmp_path / "a.webm").symlink_to(tmp_path / "precious")
    file = WebmFile(tmp_path / "a.webm", (640, 360))
    file.write_audio(b"x", 0)
    with pytest.raises(OSError, match="File exists"):
        file.close()


@contextmanager
def small_disk() -> Iterator[None]:
    """Let no file of this process grow beyond 2000 bytes, as on a full disk. Where pytest writes to is one, too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    file = WebmFile(tmp_path / "a.webm", (640, 360))
    with pytest.raises(OSError, match="File too large"), small_disk():
        write(file, 3.0)
