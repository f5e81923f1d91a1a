"""The sound of a film beside the filtered picture: as it came where the container can hold it, else as AAC."""

from __future__ import annotations

import io
from typing import Final, Protocol

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from filters.files.reader import AudioPacket

COPIED: Final = {
    "mp4": ("aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus"),
    "mov": ("aac", "ac3", "alac", "eac3", "mp3", "pcm_"),
}
"""How the names begin of the audio that is copied; FFmpeg names more, with which it then writes no header."""

TITLED: Final = "vorbis"  # whose own headers hold titles, places and pictures, Vorbis I, section 5

MAX_AAC_RATE: Final = 48_000  # Hz; MP4 has no place for rates over 65,535, ISO/IEC 14496-12, 12.2.3


class AudioTrack(Protocol):
    """One track of sound in the output."""

    def write(self, packet: AudioPacket) -> None:
        """Take the next packet of the source; an empty one ends it."""
        ...


def audio_track(container: OutputContainer, source: AudioStream) -> AudioTrack:
    """Add a track to a container for a stream of the source, with its language and its flags."""
    codec = source.codec_context.codec.canonical_name
    known = codec in container.supported_codecs and codec.startswith(COPIED.get(container.format.name, ""))
    copied = known and codec != TITLED and _can_hold(container.format.name, source)
    return _Copy(container, source) if copied else _Transcode(container, source)


def _can_hold(form: str, source: AudioStream) -> bool:
    """Tell whether a container of that format takes the stream: its rate, its channels, whatever it minds."""
    try:
        with av.open(io.BytesIO(), "w", format=form) as trial:
            trial.add_stream_from_template(source)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _describe(track: AudioStream, source: AudioStream) -> None:
    """Keep what the track is for, but no titles."""
    track.disposition = source.disposition
    if source.language:
        track.metadata["language"] = source.language


class _Copy:
    """Audio as it came, where it overlaps with itself one packet after the other."""

    def __init__(self, container: OutputContainer, source: AudioStream) -> None:
        self._container = container
        self._stream = container.add_stream_from_template(source)
        _describe(self._stream, source)
        self._last: int | None = None
        self._next = 0

    def write(self, packet: AudioPacket) -> None:
        if not packet.size:
            return
        if packet.dts is not None:
            if self._last is not None and packet.dts <= self._last:
                late = max(self._next, self._last + 1) - packet.dts
                packet.dts += late
                packet.pts = None if packet.pts is None else packet.pts + late
            self._last, self._next = packet.dts, packet.dts + (packet.duration or 1)
        packet.stream = self._stream
        self._container.mux(packet)


class _Transcode:
    """Audio that the container can't hold, as stereo AAC at the next rate that AAC has."""

    def __init__(self, container: OutputContainer, source: AudioStream) -> None:
        self._container = container
        rates = sorted(av.codec.Codec("aac", "w").audio_rates or [MAX_AAC_RATE])
        rate = next((r for r in rates if source.rate <= r <= MAX_AAC_RATE), MAX_AAC_RATE)
        self._stream = container.add_stream("aac", rate=rate, layout="stereo")
        _describe(self._stream, source)
        self._resampler: av.AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None
        self._next = 0

    def write(self, packet: AudioPacket) -> None:
        for frame in packet.decode():
            self._take(frame)
        if not packet.size:
            self._end()
            self._container.mux(self._stream.encode(None))

    def _take(self, frame: av.AudioFrame) -> None:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:  # sound may change with every part of a film that was joined
            self._end()
            self._container.start_encoding()  # the encoder's frame size is known once it is open
            aac = self._stream.codec_context
            self._resampler = av.AudioResampler(aac.format, aac.layout, aac.rate, aac.frame_size)
            self._form = form
        assert self._resampler is not None
        self._encode(self._resampler.resample(frame))

    def _end(self) -> None:
        if self._resampler is not None:
            self._encode(self._resampler.resample(None))
            self._resampler = None

    def _encode(self, pieces: list[av.AudioFrame]) -> None:
        for piece in pieces:
            # The encoder refuses a time that goes back.
            piece.pts = max(self._next, piece.pts or 0)
            self._next = piece.pts + piece.samples
            self._container.mux(self._stream.encode(piece))
