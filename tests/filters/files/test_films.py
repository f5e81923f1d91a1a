"""Films as cameras, broadcasters and recorders write them: HDR, interlaced, joined, slow, with any sound."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.stream import Disposition

from filters.base import planes_of
from filters.files.errors import MediaError
from filters.files.filter_file import filter_file
from filters.files.hdr import HLG, PQ, WHITE
from tests.support.media import Late, audio_of, frames_of, quarters, rgb, write_tone, write_video

BT_2020 = 9


def filtered(source: Path, name: str = "out.mp4") -> tuple[Path, list[str]]:
    """Filter a film; return where it is, and what was said about it."""
    said: list[str] = []
    filter_file(source, source.with_name(name), Late, warn=said.append)
    return source.with_name(name), said


def signal_of(nits: float, transfer: int) -> float:
    """Return the code in [0, 1] of a grey light in cd/m² (SMPTE ST 2084; ITU-R BT.2100 with a screen of 1000)."""
    if transfer == PQ:
        power = (nits / 10_000) ** (2610 / 16384)
        return float(((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))
    light = (nits / 1000) ** (1 / 1.2)
    if light <= 1 / 12:
        return float(np.sqrt(3 * light))
    return float(0.17883277 * np.log(12 * light - 0.28466892) + 0.55991073)


def hdr_film(path: Path, nits: Sequence[float], transfer: int) -> Path:
    """Write columns of greys, 32 pixels each."""
    width = 32 * len(nits)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, 64, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = BT_2020, BT_2020, transfer
        frame = av.VideoFrame(width, 64, "yuv420p10le")
        for plane, levels in zip(
            frame.planes, ([64 + 876 * signal_of(n, transfer) for n in nits], None, None), strict=True
        ):
            pixels = np.frombuffer(cast(Any, plane), np.uint16).reshape(plane.height, -1)
            pixels[:] = 512
            if levels is not None:
                pixels[:, :width] = np.repeat(np.round(levels).astype(np.uint16), 32)
        frame.pts, frame.time_base = 0, Fraction(1, 30)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_becomes_sdr_and_says_so(tmp_path: Path, transfer: int) -> None:
    nits = [0.0, 0.05 * WHITE, 0.2 * WHITE, 0.5 * WHITE, WHITE, 1000.0]
    out, _ = filtered(hdr_film(tmp_path / "in.mkv", nits, transfer), "out.mkv")
    (frame,) = frames_of(out)
    assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (1, 1, 6)
    seen = rgb(frame)[32, 16::32, 1].astype(int)
    expected = [0, 63, 124, 188]  # sRGB of those shares of white
    assert np.abs(seen[:4] - expected).max() <= 4
    assert 240 <= seen[4] < seen[5] <= 255


def interlaced(path: Path, *, top_first: bool = True) -> Path:
    """Write a bar that moves from field to field."""
    params = {"flags": "+ildct+ilme", "x264-params": "tff=1" if top_first else "bff=1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options=params)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        for i in range(10):
            picture = np.full((192, 320, 3), 40, np.uint8)
            for field in range(2):
                left = 16 * i + 8 * field
                picture[field if top_first else 1 - field :: 2, left : left + 40] = 220
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", interpolation="POINT"
            )
            frame.pts, frame.time_base = i, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def combing(frame: av.VideoFrame) -> float:
    y = planes_of(frame).y.astype(int)
    return float(np.abs(2 * y[1:-1] - y[:-2] - y[2:]).mean())


@pytest.mark.parametrize("top_first", [True, False])
def test_interlaced_frames_become_whole(tmp_path: Path, top_first: bool) -> None:
    source = interlaced(tmp_path / "in.mp4", top_first=top_first)
    before, after = frames_of(source), frames_of(filtered(source)[0])
    assert before[5].interlaced_frame
    assert combing(before[5]) > 10
    assert [frame.time for frame in after] == pytest.approx([frame.time for frame in before])
    for frame in after:
        assert not frame.interlaced_frame
        assert combing(frame) < 2


SOUND = [
    ("pcm_u8", 11024, "in.avi"),
    ("pcm_s16le", 22254, "in.mov"),
    ("pcm_s24le", 192000, "in.mov"),
    ("aac", 96000, "in.mkv"),
    ("flac", 96000, "in.mkv"),
    ("libmp3lame", 8000, "in.mkv"),
    ("libmp3lame", 11025, "in.mkv"),
    ("pcm_s16le", 5000, "in.mkv"),
    ("pcm_s16le", 7000, "in.avi"),
]


def with_sound(
    path: Path, codec: str, rate: int, layout: str = "mono", seconds: int = 1, fps: int = 30
) -> Path:
    lossy = path.suffix != ".ts"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mjpeg" if lossy else "libx264", rate=fps)
        video.width, video.height, video.pix_fmt = 160, 96, "yuvj420p" if lossy else "yuv420p"
        sound = cast(AudioStream, container.add_stream(codec, rate=rate, layout=layout))
        container.start_encoding()
        for i in range(fps * seconds):
            frame = av.VideoFrame.from_ndarray(quarters(160, 96, 3 * i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, fps)
            container.mux(video.encode(frame.reformat(format=video.pix_fmt)))
        container.mux(video.encode(None))
        channels = sound.codec_context.layout.nb_channels
        wave = np.repeat(np.sin(np.arange(rate * seconds) / 20).astype(np.float32)[None], channels, 0)
        heard = av.AudioFrame.from_ndarray(wave, format="fltp", layout=layout)
        heard.sample_rate, heard.pts = rate, 0
        resampler = av.AudioResampler(sound.format, layout, rate, sound.frame_size or 1024)
        for piece in [*resampler.resample(heard), *resampler.resample(None)]:
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(("codec", "rate", "name"), SOUND)
def test_sound_of_any_rate(tmp_path: Path, codec: str, rate: int, name: str, suffix: str) -> None:
    out, said = filtered(with_sound(tmp_path / name, codec, rate), f"out{suffix}")
    assert not said
    with av.open(str(out)) as container:
        pieces = list(container.decode(audio=0))
    heard = np.concatenate([piece.to_ndarray().ravel() for piece in pieces])
    assert sum(piece.samples / piece.sample_rate for piece in pieces) == pytest.approx(1, abs=0.3)
    assert np.abs(heard.astype(float)).max() > 0


def test_what_a_track_is_for_is_kept(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        video = container.add_stream("mjpeg", rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        tracks = [container.add_stream("aac", rate=48000, layout="mono") for _ in range(2)]
        for track, language, flags in zip(
            tracks, ("deu", "eng"), ("default", "visual_impaired"), strict=True
        ):
            track.metadata["language"], track.metadata["title"] = language, "Ada's kitchen"
            track.disposition = Disposition[flags]
        for i in range(30):
            frame = av.VideoFrame.from_ndarray(quarters(64, 48), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 30)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for track in tracks:
            write_tone(container, track, 48000)
    out, _ = filtered(tmp_path / "in.mkv", "out.mkv")
    with av.open(str(out)) as container:
        streams = container.streams.audio
        assert [stream.language for stream in streams] == ["deu", "eng"]
        assert streams[0].disposition & Disposition.default
        assert streams[1].disposition & Disposition.visual_impaired
        assert all("title" not in {name.lower() for name in stream.metadata} for stream in streams)


def times(path: Path) -> list[float]:
    return [frame.time for frame in frames_of(path)]


def part(path: Path, seconds: int = 1, layout: str = "stereo") -> bytes:
    return with_sound(path, "aac", 48000, layout, seconds).read_bytes()


@pytest.mark.parametrize("copies", [2, 3])
def test_joined_recordings_follow_one_another(tmp_path: Path, copies: int) -> None:
    (tmp_path / "in.ts").write_bytes(part(tmp_path / "a.ts") * copies)
    out, said = filtered(tmp_path / "in.ts")
    assert not said
    shown = times(out)
    assert len(shown) == 30 * copies
    assert 0 <= shown[0] < 0.1
    assert min(np.diff(shown)) > 0.01
    assert max(np.diff(shown)) < 0.2
    with av.open(str(out)) as container:
        assert sum(f.samples for f in container.decode(audio=0)) == pytest.approx(48_000 * copies, rel=0.1)


def moved(path: Path, by: int) -> bytes:
    """Return the transport stream as it would begin so many seconds later."""
    with av.open(str(path)) as source, av.open(str(path.with_suffix(".moved.ts")), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size and packet.dts is not None and packet.pts is not None:
                ticks = round(by / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    return path.with_suffix(".moved.ts").read_bytes()


@pytest.mark.parametrize("order", [(0, 5 * 3600), (5 * 3600, 0), (5 * 3600, 5 * 3600)])
def test_a_programme_may_begin_at_any_hour(tmp_path: Path, order: tuple[int, ...]) -> None:
    part(tmp_path / "a.ts")
    (tmp_path / "in.ts").write_bytes(b"".join(moved(tmp_path / "a.ts", at) for at in order))
    out, _ = filtered(tmp_path / "in.ts")
    shown = times(out)
    assert len(shown) == 30 * len(order)
    assert 0 <= shown[0] < 0.1
    assert shown[-1] < 2.5
    assert min(np.diff(shown)) > 0


@pytest.mark.parametrize("name", ["in.mkv", "in.mp4"])
def test_a_file_may_begin_at_any_hour(tmp_path: Path, name: str) -> None:
    pts = [15_360 * 18_000 + 512 * i for i in range(12)]
    source = write_video(tmp_path / name, [quarters(64, 48)] * 12, pts=pts)
    shown = times(filtered(source)[0])
    assert shown == pytest.approx([i / 30 for i in range(12)], abs=2e-3)


def test_sound_may_change_with_every_part(tmp_path: Path) -> None:
    parts = [
        with_sound(tmp_path / f"{layout}.ts", "ac3", 48000, layout) for layout in ("stereo", "5.1", "mono")
    ]
    (tmp_path / "in.ts").write_bytes(b"".join(path.read_bytes() for path in parts))
    assert len(times(filtered(tmp_path / "in.ts")[0])) == 90


@pytest.mark.parametrize("name", ["in.mkv", "in.avi", "in.mov"])
@pytest.mark.parametrize("fps", [1, 2])
def test_slow_films_are_whole(tmp_path: Path, name: str, fps: int) -> None:
    source = with_sound(tmp_path / name, "pcm_s16le", 48000, seconds=8, fps=fps)
    out, said = filtered(source, "out.mkv")
    assert not said
    assert times(out) == pytest.approx([i / fps for i in range(8 * fps)], abs=2e-3)
    assert audio_of(out)


@pytest.mark.parametrize("fps", [1, 2])
def test_slow_films_with_frames_out_of_order(tmp_path: Path, fps: int) -> None:
    for name in ("in.mkv", "in.mp4"):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("libx264", rate=fps, options={"bf": "3"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            sound = container.add_stream("aac", rate=48000, layout="mono")
            container.start_encoding()
            for i in range(12):
                frame = av.VideoFrame.from_ndarray(quarters(64, 48, 20 * i), format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, fps)
                container.mux(stream.encode(frame))
            write_tone(container, sound, 48000 * 12 // fps)
            container.mux(stream.encode(None))
        out, said = filtered(tmp_path / name)
        assert not said
        assert times(out) == pytest.approx([i / fps for i in range(12)], abs=2e-3)


def test_pipes_are_refused_as_pipes(tmp_path: Path) -> None:
    for name in ("/dev/stdin", "-", "/dev/null", str(tmp_path)):
        with pytest.raises(MediaError, match=r"not a regular file|Is a directory"):
            filter_file(Path(name), tmp_path / "out.mp4", Late)


pytestmark = pytest.mark.slow
