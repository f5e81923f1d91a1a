"""Which of a file's video streams a player shows, what of its picture, and with which decoder; else a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple, cast

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext, Flags
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from filters.files.containers import Crop, Declared, Track
from filters.files.errors import MediaError
from filters.files.layers import has_hidden_layer, length_size_of

NO_FILMS: Final = Disposition.attached_pic | Disposition.timed_thumbnails
LIBVPX: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that know transparency; FFmpeg's own ones would show what it hides."""
ALPHA_BLOCK: Final = 1  # BlockAddID of a frame's alpha channel, RFC 9559, 5.1.3.5.2.3


class Shown(NamedTuple):
    """A video stream, its decoder and what is cut off of its pictures."""

    stream: VideoStream
    decoder: VideoCodecContext
    crop: Crop
    stereo: bool


def shown_stream(container: InputContainer, declared: Declared, path: Path) -> Shown:
    """Return what a player shows. Raises MediaError where there is nothing, or where FFmpeg shows what players hide."""
    listed = any(name in container.format.name for name in ("mp4", "matroska"))
    pairs = [(s, _track(s, i, declared.tracks, listed=listed)) for i, s in enumerate(container.streams.video)]
    pairs = [
        (stream, track)
        for stream, track in pairs
        if stream.codec_context
        and not stream.disposition & NO_FILMS
        and track.enabled
        and not track.auxiliary
    ]
    if not pairs:
        raise MediaError(f"{path}: there is no video in it")
    if declared.refusal:
        raise refusal(path, declared.refusal)
    # The still that stands for a sequence of pictures is a stream, too, and comes before it.
    stream, track = max(
        pairs, key=lambda pair: (bool(pair[0].disposition & Disposition.default), pair[0].frames > 1)
    )
    return Shown(stream, _decoder(stream), track.crop, track.stereo)


def heard_streams(container: InputContainer, declared: Declared) -> list[AudioStream]:
    """Return the tracks of sound, without those that Matroska switches off, which its muxer would switch on.

    None where an MP4 file has all switched off, since its muxer would switch one on.
    """
    listed = "matroska" in container.format.name
    pairs = [(s, _track(s, i, declared.sounds, listed=listed)) for i, s in enumerate(container.streams.audio)]
    streams = [stream for stream, track in pairs if stream.codec_context and track.enabled]
    has_switches = "mp4" in container.format.name
    is_heard = not has_switches or any(s.disposition & Disposition.default for s in streams)
    return streams if is_heard else []


def _track(stream: VideoStream | AudioStream, index: int, tracks: list[Track], *, listed: bool) -> Track:
    """Return what is said of a stream, `index` being its number among all of its kind, known to FFmpeg or not.

    Where all tracks should be `listed` one that is not, as FFmpeg finds in a damaged file, counts as switched off: it
    may be, or be cropped.
    """
    for track in tracks:
        if track.number == stream.id:
            return track
    # FFmpeg's streams of Matroska have no id of their own; its tracks come in the order of the file.
    if stream.id == 0 and index < len(tracks):
        return tracks[index]
    return Track(stream.id, enabled=not listed)


def refusal(path: Path, reason: str) -> MediaError:
    """Return the error for a file that players show otherwise than FFmpeg decodes it."""
    return MediaError(
        f"{path}: cannot be shown as it should be: {reason}; export it as plain H.264 or ProRes"
    )


def expect_no_hidden_layer(shown: Shown, packet: av.Packet[VideoStream], path: Path) -> None:
    """Raise MediaError where the packet holds transparency, or another layer, that its decoder leaves out."""
    codec = shown.decoder.codec.canonical_name
    if packet.has_sidedata("matroska_block_additional") and codec not in LIBVPX:
        side_data = bytes(packet.get_sidedata("matroska_block_additional"))
        if int.from_bytes(side_data[:8]) == ALPHA_BLOCK:
            raise refusal(path, "its transparency cannot be read")
    if shown.stereo or codec not in ("hevc", "h264"):
        return
    extradata = shown.stream.codec_context.extradata
    if has_hidden_layer(codec, bytes(packet), length_size_of(codec, extradata)):
        raise refusal(path, "it has a second layer, as of transparency, which cannot be read")


def _decoder(stream: VideoStream) -> VideoCodecContext:
    name = LIBVPX.get(stream.codec_context.codec.canonical_name)
    decoder = stream.codec_context
    if name is not None:
        decoder = cast(VideoCodecContext, CodecContext.create(name, "r"))
        decoder.extradata = stream.codec_context.extradata
    # Else the left side of a crop inside H.264 or HEVC is rounded down, and shown.
    decoder.flags |= Flags.unaligned
    return decoder
