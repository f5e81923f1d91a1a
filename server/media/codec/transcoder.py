"""Decode, filter, encode: what happens to the pictures of one publication, in one go on one thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from filters.base import FilteredFrame, VideoFilter
from server.core.errors import DecodeError, EncodeError
from server.media.codec.encoder import CLOCK_RATE, DECODERS, ENCODERS, FilteredVideo, VideoEncoder, vp8_size
from server.media.codec.frames import EncodedFrame

logger = logging.getLogger(__name__)

MAX_PIXELS = 1920 * 1088
DEFAULT_BITRATE = 600_000


@dataclass(slots=True)
class StageTimes:
    """Seconds of CPU spent so far in each stage, and how often."""

    decode: float = 0.0
    filter: float = 0.0
    encode: float = 0.0
    decoded: int = 0
    filtered: int = 0
    encoded: int = 0
    pictures: int = 0
    """Pictures given to the encoders, however many codecs each was for."""

    def __add__(self, other: StageTimes) -> StageTimes:
        """Return what both have spent."""
        return StageTimes(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(slots=True)
class Transcoder:
    """The decoder, the filter and the encoders of one camera. One call at a time, from any thread.

    The decoded frame never leaves `transcode`; what leaves was made from a FilteredFrame.
    """

    filter: VideoFilter
    bitrate: int = DEFAULT_BITRATE
    pixels: int = 0
    times: StageTimes = field(default_factory=StageTimes)
    _decoder: VideoCodecContext | None = None
    _decodes: str = ""
    _encoders: dict[str, VideoEncoder] = field(default_factory=dict)

    def transcode(
        self, frames: Sequence[EncodedFrame], codecs: Iterable[str], *, keyframe: bool
    ) -> list[FilteredVideo]:
        """Decode all `frames`, show the last of them, return it once per codec in the order of `codecs`.

        Empty while the filter's delay line fills. Raises DecodeError or EncodeError.
        """
        start = time.thread_time()
        picture: av.VideoFrame | None = None
        for frame in frames:
            picture = self._decode(frame) or picture
        decoded = time.thread_time()
        self.times.decode += decoded - start
        self.times.decoded += len(frames)
        if picture is None:
            return []
        shown = self.filter.filter(picture)
        filtered = time.thread_time()
        self.times.filter += filtered - decoded
        self.times.filtered += 1
        if shown is None:
            return []
        return self._encode(shown, codecs, keyframe)

    def reset(self) -> None:
        """Forget the stream: another one follows."""
        self._decoder = None
        self.filter.reset()

    def _decode(self, frame: EncodedFrame) -> av.VideoFrame | None:
        if self._decoder is None or self._decodes != frame.codec:
            context = av.CodecContext.create(DECODERS[frame.codec], "r")
            assert isinstance(context, VideoCodecContext)
            context.thread_count = 1
            context.options = {"max_pixels": str(MAX_PIXELS)}
            self._decoder, self._decodes = context, frame.codec
        if frame.codec == "VP8":
            # libvpx takes as much memory as a frame claims to need, whatever FFmpeg's max_pixels says.
            _expect_size(*vp8_size(frame.data) or (0, 0))
        packet = av.Packet(frame.data)
        packet.pts = frame.timestamp
        packet.time_base = Fraction(1, CLOCK_RATE)
        try:
            pictures = self._decoder.decode(packet)
        except av.FFmpegError as error:
            self._decoder = None
            raise DecodeError(str(error)) from error
        picture = pictures[-1] if pictures else None
        if picture is not None:
            _expect_size(picture.width, picture.height)
        return picture

    def _encode(self, shown: FilteredFrame, codecs: Iterable[str], keyframe: bool) -> list[FilteredVideo]:
        start = time.thread_time()
        self.times.pictures += 1
        timestamp = shown.frame.pts or 0
        self.pixels = shown.frame.width * shown.frame.height
        videos = []
        for codec in codecs:
            encoder = self._encoders.get(codec)
            if encoder is None:
                encoder = self._encoders[codec] = ENCODERS[codec](self.bitrate)
            encoder.bitrate = self.bitrate
            try:
                videos.append(encoder.encode(shown, timestamp, keyframe=keyframe))
            except av.FFmpegError as error:
                del self._encoders[codec]
                raise EncodeError(str(error)) from error
        self.times.encode += time.thread_time() - start
        self.times.encoded += len(videos)
        return videos


def _expect_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DecodeError(f"{width}x{height} is larger than this server takes")
