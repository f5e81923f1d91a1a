"""Decode, filter, encode: what happens to the pictures of one publication, in one go on one thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction

import av

from filters.base import FilteredFrame, VideoFilter, new_frame
from server.core.errors import DecodeError, EncodeError
from server.media.codec.decoder import CameraDecoder
from server.media.codec.encoder import ENCODERS, FilteredVideo, VideoEncoder
from server.media.codec.frames import VIDEO_CLOCK_RATE, EncodedFrame

logger = logging.getLogger(__name__)

DEFAULT_BITRATE = 600_000  # bit/s; chosen for 640x360 at 30 frames/s


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
    other: float = 0.0
    """Seconds that the worker takes besides: to read jobs, and to write answers."""

    @property
    def seconds(self) -> float:
        """CPU time of all stages."""
        return self.decode + self.filter + self.encode + self.other

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
    broken: bool = False
    """Whether the last frame could not be decoded and only a keyframe will do."""
    _decoder: CameraDecoder = field(default_factory=CameraDecoder)
    _size: tuple[int, int] | None = None
    _encoders: dict[str, VideoEncoder] = field(default_factory=dict)

    def transcode(
        self, frames: Sequence[EncodedFrame], codecs: Sequence[str], *, keyframe: bool
    ) -> list[FilteredVideo]:
        """Decode all `frames`, show the last of them, return it once per codec in the order of `codecs`.

        Empty while the filter's delay line fills. Where the last one is no picture of the camera's `broken` is True
        and what stands in for it is returned. Raises DecodeError where there has been no picture yet, or EncodeError.
        """
        start = time.thread_time()
        picture = self._decode(frames)
        decoded = time.thread_time()
        self.times.decode += decoded - start
        self.times.decoded += len(frames)
        if picture is None:
            return []
        hidden = self.broken or self._decoder.doubtful
        shown = self.filter.hide(picture) if hidden else self.filter.filter(picture)
        filtered = time.thread_time()
        self.times.filter += filtered - decoded
        self.times.filtered += 1
        if shown is None:
            return []
        return self._encode(shown, codecs, keyframe)

    def reset(self) -> None:
        """Forget the stream: another one follows."""
        self._decoder.reset()
        self._size = None
        self.filter.reset()

    def _decode(self, frames: Sequence[EncodedFrame]) -> av.VideoFrame | None:
        """Return the last picture, or an empty one of its size and time while only a keyframe will do."""
        picture: av.VideoFrame | None = None
        for frame in frames:
            try:
                decoded = self._decoder.decode(frame)
            except DecodeError:
                self.broken = True
                if self._size is None:
                    raise
                decoded, _ = new_frame(*self._size)
                decoded.pts, decoded.time_base = frame.timestamp, Fraction(1, VIDEO_CLOCK_RATE)
            else:
                self.broken = False
                if self._decoder.jumped:
                    self.filter.distrust()
            picture = decoded or picture
        if picture is not None:
            self._size = picture.width, picture.height
        return picture

    def _encode(self, shown: FilteredFrame, codecs: Sequence[str], keyframe: bool) -> list[FilteredVideo]:
        start = time.thread_time()
        self.times.pictures += 1
        timestamp = shown.frame.pts or 0
        self.pixels = shown.frame.width * shown.frame.height
        videos = []
        for unused in self._encoders.keys() - set(codecs):
            del self._encoders[unused]  # whoever wants it again needs a keyframe, which a new one begins with
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
