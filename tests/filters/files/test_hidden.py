"""What a player would not show of a file never reaches the filter."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image

from filters.base import FilteredFrame
from filters.files.errors import MediaError
from filters.files.filter_file import MatteSink, filter_file
from tests.support.boxes import Change, box, clap, element, in_sample_entry, number, with_boxes, with_elements
from tests.support.media import GREEN, Late, frames_of, quarters, rgb, write_video


class Watching(Late):
    """Keeps what the filter was given."""

    seen: list[av.VideoFrame]

    def filter(self, frame: av.VideoFrame) -> FilteredFrame | None:
        self.seen.append(frame)
        return super().filter(frame)


def given(source: Path) -> list[av.VideoFrame]:
    """Return the frames that the filter is given of a file."""
    seen: list[av.VideoFrame] = []

    def make(on_matte: MatteSink) -> Watching:
        watching = Watching(on_matte)
        watching.seen = seen
        return watching

    filter_file(source, source.with_name("out.mkv"), make)
    return seen


def film(path: Path, **options: object) -> Path:
    """Write a film whose left side, 16 pixels, and top, 8, are bright; the rest is dark."""
    picture = np.full((96, 128, 3), 40, np.uint8)
    picture[:, :16], picture[:8] = 255, 255
    return write_video(path, [picture] * 3, **options)  # type: ignore[arg-type]


ALPHA = [
    ("libvpx", "yuva420p", "in.webm"),
    ("libvpx", "yuva420p", "in.mkv"),
    ("libvpx-vp9", "yuva420p", "in.webm"),
    ("libvpx-vp9", "yuva420p", "in.mkv"),
    ("prores_ks", "yuva444p10le", "in.mov"),
    ("qtrle", "argb", "in.mov"),
    ("png", "rgba", "in.mov"),
    ("png", "rgba64be", "in.mov"),
    ("png", "ya8", "in.mov"),
    ("cfhd", "gbrap12le", "in.mov"),
    ("ffv1", "bgra", "in.mkv"),
    ("ffv1", "yuva420p16le", "in.mkv"),
    ("utvideo", "gbrap", "in.avi"),
    ("apng", "rgba", "in.apng"),
]


@pytest.mark.parametrize(("codec", "pix_fmt", "name"), ALPHA)
def test_what_is_transparent_is_white(tmp_path: Path, codec: str, pix_fmt: str, name: str) -> None:
    pixels = np.dstack([quarters(128, 96), np.full((96, 128), 255, np.uint8)])
    pixels[:, :64, 3] = 0
    options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}
    with av.open(str(tmp_path / name), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=30, options=options))
        stream.width, stream.height, stream.pix_fmt = 128, 96, pix_fmt
        if "vpx" in codec:
            stream.metadata["alpha_mode"] = "1"
        for i in range(3):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pix_fmt)
            frame.pts, frame.time_base = i, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frames = given(tmp_path / name)
    assert len(frames) == 3
    for frame in frames:
        assert rgb(frame).astype(int)[:, :60].min() > 245
        if "a8" not in pix_fmt:
            assert np.abs(rgb(frame).astype(int)[8:40, 72:] - GREEN).mean() < 8


@pytest.mark.parametrize(
    ("aperture", "size"),
    [
        (clap(112, 88, (16, 2), (8, 2)), (112, 88)),
        (clap(111, 87, (17, 2), (9, 2)), (111, 87)),
        (clap(40, 30), (40, 30)),
    ],
)
def test_a_clean_aperture_is_kept(tmp_path: Path, aperture: bytes, size: tuple[int, int]) -> None:
    data = film(tmp_path / "in.mp4").read_bytes()
    (tmp_path / "clap.mp4").write_bytes(with_boxes(data, in_sample_entry(aperture)))
    for frame in given(tmp_path / "clap.mp4"):
        assert (frame.width, frame.height) == size
        assert rgb(frame).max() < 60


@pytest.mark.parametrize("first", [b"uuid", b"udta", b"junk", b"sidx"])
def test_a_clean_aperture_is_kept_whatever_the_file_begins_with(tmp_path: Path, first: bytes) -> None:
    data = film(tmp_path / "in.mp4").read_bytes().replace(b"ftyp", first, 1)
    aperture = clap(112, 88, (16, 2), (8, 2))
    (tmp_path / "clap.mp4").write_bytes(with_boxes(data, in_sample_entry(aperture)))
    for frame in given(tmp_path / "clap.mp4"):
        assert rgb(frame).max() < 60


def test_a_clean_aperture_is_kept_where_the_handler_comes_behind_it(tmp_path: Path) -> None:
    data = film(tmp_path / "in.mp4").read_bytes()

    def change(name: bytes, content: bytes) -> bytes:
        if name == b"mdia":
            at = content.index(b"hdlr") - 4
            end = at + int.from_bytes(content[at : at + 4])
            return content[:at] + content[end:] + content[at:end]
        return in_sample_entry(clap(96, 80))(name, content)

    (tmp_path / "late.mp4").write_bytes(with_boxes(data, change))
    frame = given(tmp_path / "late.mp4")[0]
    assert (frame.width, frame.height) == (96, 80)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_clean_aperture_is_cut_before_the_picture_is_turned(tmp_path: Path, rotation: int) -> None:
    source = film(tmp_path / "in.mp4", setup=lambda stream: stream.set_display_rotation(rotation))
    aperture = clap(112, 88, (16, 2), (8, 2))
    (tmp_path / "clap.mp4").write_bytes(with_boxes(source.read_bytes(), in_sample_entry(aperture)))
    for frame in given(tmp_path / "clap.mp4"):
        assert sorted((frame.width, frame.height)) == [88, 112]
        assert rgb(frame).max() < 60


def test_a_clean_aperture_that_leaves_nothing_is_an_error(tmp_path: Path) -> None:
    data = film(tmp_path / "in.mp4").read_bytes()
    (tmp_path / "clap.mp4").write_bytes(with_boxes(data, in_sample_entry(clap(40, 30, (500, 1)))))
    with pytest.raises(Exception, match="nothing remains"):
        given(tmp_path / "clap.mp4")


@pytest.mark.parametrize("options", [{"live": "1"}, {}])
def test_a_pixel_crop_is_kept(tmp_path: Path, options: dict[str, str]) -> None:
    data = film(tmp_path / "in.mkv", options=options).read_bytes()
    crops = [number(b"\x54\xcc", 16), number(b"\x54\xbb", 8), number(b"\x54\xdd", 3), number(b"\x54\xaa", 5)]
    (tmp_path / "crop.mkv").write_bytes(with_elements(data, {b"\xe0": crops}))
    for frame in given(tmp_path / "crop.mkv"):
        assert (frame.width, frame.height) == (128 - 16 - 3, 96 - 8 - 5)
        assert rgb(frame).max() < 60


@pytest.mark.parametrize("left", [2, 10, 30])
def test_a_crop_inside_h264_is_kept_to_the_pixel(tmp_path: Path, left: int) -> None:
    picture = np.full((96, 160, 3), 40, np.uint8)
    picture[:, : left - 1] = 255
    params = {"x264-params": f"crop-rect={left},0,0,0", "qp": "1"}
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=30, options=params)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for frame in given(tmp_path / "in.mkv"):
        assert frame.width == 160 - left
        assert rgb(frame).max() < 90


def test_a_second_layer_of_hevc_is_refused(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mp4", codec="libx265")
    with (
        av.open(str(source)) as plain,
        av.open(str(tmp_path / "alpha.mkv"), "w") as container,
    ):
        stream = container.add_stream_from_template(plain.streams.video[0])
        for packet in plain.demux(video=0):
            if not packet.size:
                continue
            data = bytes(packet)
            unit = data[4:]
            layered = data + struct.pack(">I", len(unit)) + bytes((unit[0], unit[1] | 8)) + unit[2:]
            both = av.Packet(layered)
            both.pts, both.dts, both.time_base = packet.pts, packet.dts, packet.time_base
            both.stream, both.is_keyframe = stream, packet.is_keyframe
            container.mux(both)
    with pytest.raises(MediaError, match="second layer"):
        given(tmp_path / "alpha.mkv")
    assert len(given(source)) == 3


def test_transparency_beside_another_codec_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "vp8.mkv"), "w") as container:
        stream = container.add_stream("libvpx", rate=30, options={"auto-alt-ref": "0"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuva420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((96, 128, 4), np.uint8), format="rgba")
        container.mux([*stream.encode(frame.reformat(format="yuva420p")), *stream.encode(None)])
    with av.open(str(tmp_path / "vp8.mkv")) as container:
        alpha = next(iter(container.demux(video=0))).get_sidedata("matroska_block_additional")
    with (
        av.open(str(film(tmp_path / "in.mp4"))) as plain,
        av.open(str(tmp_path / "in.mkv"), "w") as container,
    ):
        copy = container.add_stream_from_template(plain.streams.video[0])
        copy.metadata["alpha_mode"] = "1"
        for packet in plain.demux(video=0):
            if packet.size:
                packet.set_sidedata(alpha)
                packet.stream = copy
                container.mux(packet)
    with pytest.raises(MediaError, match="transparency"):
        given(tmp_path / "in.mkv")


def test_ordered_chapters_are_refused(tmp_path: Path) -> None:
    data = film(tmp_path / "in.mkv", options={"live": "1"}).read_bytes()
    for ordered in (0, 1):
        edition = element(b"\x45\xb9", number(b"\x45\xdd", ordered))
        chapters = element(b"\x10\x43\xa7\x70", edition)
        path = tmp_path / f"{ordered}.mkv"
        path.write_bytes(with_elements(data, {b"\x18\x53\x80\x67": [chapters]}))
        if ordered:
            with pytest.raises(MediaError, match="chapters"):
                given(path)
        else:
            assert len(given(path)) == 3


def two_tracks(path: Path) -> bytes:
    """Write a bright track and then a dark one."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=30) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for i in range(3):
            for stream, level in zip(streams, (255, 40), strict=True):
                frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), level, np.uint8), format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 30)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path.read_bytes()


def enabling(*flags: int) -> Change:
    """Return a change of an MP4's tracks: whether each is shown."""
    left = list(flags)

    def change(name: bytes, content: bytes) -> bytes:
        return content[:3] + bytes((left.pop(0),)) + content[4:] if name == b"tkhd" else content

    return change


def test_a_track_that_is_switched_off_is_not_shown(tmp_path: Path) -> None:
    data = two_tracks(tmp_path / "in.mp4")
    (tmp_path / "one.mp4").write_bytes(with_boxes(data, enabling(2, 3)))
    assert rgb(given(tmp_path / "one.mp4")[0]).max() < 60
    (tmp_path / "both.mp4").write_bytes(with_boxes(data, enabling(3, 3)))
    with pytest.raises(MediaError, match="on top of each other"):
        given(tmp_path / "both.mp4")
    (tmp_path / "none.mp4").write_bytes(with_boxes(data, enabling(2, 2)))
    with pytest.raises(MediaError, match="no video"):
        given(tmp_path / "none.mp4")


@pytest.mark.parametrize(("flags", "heard"), [((3, 2, 2), 0), ((3, 2, 3), 2)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_that_is_switched_off_is_not_switched_on(
    tmp_path: Path, suffix: str, flags: tuple[int, ...], heard: int
) -> None:
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=30)
        sounds = [container.add_stream("aac", rate=48_000) for _ in range(2)]
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        grey = av.VideoFrame.from_ndarray(np.full((96, 128), 128, np.uint8), format="gray")
        container.mux([*video.encode(grey), *video.encode(None)])
        for stream in sounds:
            silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp")
            silence.sample_rate = 48_000
            container.mux([*stream.encode(silence), *stream.encode(None)])
    switched = with_boxes((tmp_path / "in.mp4").read_bytes(), enabling(*flags))
    (tmp_path / "off.mp4").write_bytes(switched)
    filter_file(tmp_path / "off.mp4", tmp_path / f"out{suffix}", Late)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        kept = [bool(stream.disposition & Disposition.default) for stream in container.streams.audio]
    assert len(kept) == heard
    assert kept == [False, True][:heard]


def test_a_matroska_track_that_is_switched_off_is_not_shown(tmp_path: Path) -> None:
    data = film(tmp_path / "in.mkv", options={"live": "1"}).read_bytes()
    (tmp_path / "off.mkv").write_bytes(with_elements(data, {b"\xae": [number(b"\xb9", 0)]}))
    with pytest.raises(MediaError, match="no video"):
        given(tmp_path / "off.mkv")


def switched_off(data: bytes, track: int) -> bytes:
    """Return a Matroska file in which FlagEnabled, 0, stands in place of a track's FlagLacing, 0."""
    *before, after = data.split(b"\x9c\x81\0", track + 1)
    return b"\x9c\x81\0".join(before) + b"\xb9\x81\0" + after


def test_a_matroska_track_is_told_apart_from_those_of_unknown_codecs(tmp_path: Path) -> None:
    data = switched_off(two_tracks(tmp_path / "in.mkv"), 1)
    (tmp_path / "one.mkv").write_bytes(data)
    assert rgb(given(tmp_path / "one.mkv")[0]).min() > 200
    unknown = data.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ", 1)
    no_video = data.replace(b"V_MPEG4/ISO/AVC", b"X_MPEG4/ISO/AVC", 1)
    nameless = data.replace(b"\x86\x8fV_MPEG4/ISO/AVC", b"\xec\x8fV_MPEG4/ISO/AVC", 1)  # Void
    for i, changed in enumerate((unknown, no_video, nameless)):
        (tmp_path / f"{i}.mkv").write_bytes(changed)
        with pytest.raises(MediaError, match="no video"):
            given(tmp_path / f"{i}.mkv")


def test_a_track_that_only_ffmpeg_finds_is_not_shown(tmp_path: Path) -> None:
    """It looks for one behind what it can't read."""
    data = film(tmp_path / "in.mkv", options={"live": "1"}).read_bytes()
    at = data.rindex(b"\x16\x54\xae\x6b")  # Tracks
    (tmp_path / "damaged.mkv").write_bytes(data[:at] + bytes(3) + data[at:])
    with av.open(str(tmp_path / "damaged.mkv")) as container:
        assert len(list(container.decode(video=0))) == 3
    with pytest.raises(MediaError, match="no video"):
        given(tmp_path / "damaged.mkv")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_matroska_sound_that_is_switched_off_is_left_out(tmp_path: Path, suffix: str) -> None:
    data = write_video(tmp_path / "in.mkv", [quarters(64, 48)] * 3, audio="aac").read_bytes()
    for path, content in ((tmp_path / "on.mkv", data), (tmp_path / "off.mkv", switched_off(data, 1))):
        path.write_bytes(content)
        filter_file(path, tmp_path / f"out{suffix}", Late)
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            assert len(container.streams.audio) == (path.stem == "on")


def vorbis_with(path: Path, comment: bytes) -> Path:
    """Write a film whose sound has a comment in its own headers, Vorbis I, 4.2.1 and 5.2."""
    with av.open(str(path.with_name("sound.mkv")), "w") as container:
        sound = container.add_stream("vorbis", rate=48_000, layout="stereo", options={"strict": "-2"})
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), format="fltp")
        silence.sample_rate = 48_000
        container.mux([*sound.encode(silence), *sound.encode(None)])
    with (
        av.open(str(film(path.with_name("film.mkv")))) as pictures,
        av.open(str(path.with_name("sound.mkv"))) as heard,
        av.open(str(path), "w") as container,
    ):
        video = container.add_stream_from_template(pictures.streams.video[0])
        sound = container.add_stream_from_template(heard.streams.audio[0])
        private = bytes(heard.streams.audio[0].codec_context.extradata or b"")
        assert private[:3] == bytes((2, 30, 16))  # three headers; how long the first two are
        told = struct.pack("<7sIII", b"\x03vorbis", 0, 1, len(comment)) + comment + b"\1"
        sound.codec_context.extradata = bytes((2, 30, len(told))) + private[3:33] + told + private[49:]
        for stream, source in ((video, pictures), (sound, heard)):
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_what_vorbis_says_of_itself_is_left_behind(tmp_path: Path, suffix: str) -> None:
    source, target = vorbis_with(tmp_path / "in.mkv", b"LOCATION=12 Elm Street"), tmp_path / f"out{suffix}"
    assert b"Elm Street" in source.read_bytes()
    filter_file(source, target, Late)
    assert b"Elm Street" not in target.read_bytes()
    with av.open(str(target)) as container:
        assert len(list(container.decode(audio=0))) > 2


def test_a_track_of_transparency_is_refused(tmp_path: Path) -> None:
    kinds = [b"vide", b"auxv"]
    urn = box(b"auxi", bytes(4) + b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")

    def change(name: bytes, content: bytes) -> bytes:
        if name == b"hdlr":
            return content[:8] + kinds.pop(0) + content[12:] if content[8:12] == b"vide" else content
        return content + urn if name == b"avc1" and len(kinds) == 0 else content

    (tmp_path / "alpha.mp4").write_bytes(with_boxes(two_tracks(tmp_path / "in.mp4"), change))
    with pytest.raises(MediaError, match="transparent"):
        given(tmp_path / "alpha.mp4")


def test_an_animation_with_transparency_apart_is_refused(tmp_path: Path) -> None:
    pixels = np.dstack([quarters(128, 96), np.full((96, 128), 255, np.uint8)])
    pixels[:, :64, 3] = 0
    for name, channels in (("plain.avif", 3), ("alpha.avif", 4)):
        frames = [
            Image.fromarray(np.ascontiguousarray(np.roll(pixels, i, 0)[..., :channels])) for i in range(3)
        ]
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=100)
    assert len(given(tmp_path / "plain.avif")) == 3
    with pytest.raises(MediaError, match="transparent"):
        given(tmp_path / "alpha.avif")


@pytest.mark.parametrize("atom", [b"clip", b"matt"])
def test_a_masked_picture_is_refused(tmp_path: Path, atom: bytes) -> None:
    data = film(tmp_path / "in.mov").read_bytes()
    masked = with_boxes(
        data, lambda name, content: content + box(atom, bytes(8)) if name == b"trak" else content
    )
    (tmp_path / "masked.mov").write_bytes(masked)
    with pytest.raises(MediaError, match="masked"):
        given(tmp_path / "masked.mov")


def late_start(path: Path, options: dict[str, str]) -> Path:
    """Write a second that an edit list hides, bright and loud, and one that it shows."""
    with av.open(
        str(path), "w", options={"avoid_negative_ts": "disabled", "use_editlist": "1"} | options
    ) as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        sound = out.add_stream("aac", rate=48000, layout="mono")
        out.start_encoding()
        for i in range(-30, 30):
            level = 255 if i < 0 else 40
            frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 30)
            out.mux(stream.encode(frame))
        for at in range(-48_000, 48_000, 1024):
            wave = np.full((1, 1024), 0.5 * (at < -12_000), np.float32) * (-1) ** np.arange(1024)
            heard = av.AudioFrame.from_ndarray(wave.astype(np.float32), format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 48000, at
            out.mux(sound.encode(heard))
        out.mux([*stream.encode(None), *sound.encode(None)])
    return path


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+delay_moov"}])
def test_what_an_edit_list_hides_is_neither_seen_nor_heard(tmp_path: Path, options: dict[str, str]) -> None:
    frames = given(late_start(tmp_path / "in.mp4", options))
    assert len(frames) == 30
    assert max(int(rgb(frame).max()) for frame in frames) < 60
    with av.open(str(tmp_path / "out.mkv")) as container:
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert np.abs(sound).max() < 0.05
    assert frames_of(tmp_path / "out.mkv")[0].time == pytest.approx(0, abs=0.025)  # one frame of AAC


pytestmark = pytest.mark.slow


def test_sound_that_an_edit_list_cuts_out_is_not_heard(tmp_path: Path) -> None:
    """Of three parts of as many seconds the second is loud, and left out."""
    with av.open(str(tmp_path / "in.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=30, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        sound = out.add_stream("aac", rate=48000, layout="mono")
        out.start_encoding()
        for i in range(90):
            frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 40, np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 30)
            out.mux(stream.encode(frame))
        for at in range(0, 144_000, 1024):
            wave = 0.5 * (48_000 <= at < 96_000 - 1024) * np.sin(np.arange(1024) / 5)[None]
            heard = av.AudioFrame.from_ndarray(wave.astype(np.float32), format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 48000, at
            out.mux(sound.encode(heard))
        out.mux([*stream.encode(None), *sound.encode(None)])
    ticks = [15_360, 48_000]  # a second's, of each track

    def change(name: bytes, content: bytes) -> bytes:
        if name != b"edts":
            return content
        second = ticks.pop(0)
        edits = [struct.pack(">IiI", 1000, start * second, 1 << 16) for start in (0, 2)]  # 14496-12, 8.6.6
        return box(b"elst", struct.pack(">II", 0, 2) + b"".join(edits))

    (tmp_path / "cut.mp4").write_bytes(with_boxes((tmp_path / "in.mp4").read_bytes(), change))
    assert not ticks
    filter_file(tmp_path / "cut.mp4", tmp_path / "out.mkv", Late)
    with av.open(str(tmp_path / "out.mkv")) as container:
        samples = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert samples.shape[1] == pytest.approx(96_000, abs=4096)
    assert np.abs(samples).max() < 0.05
