"""One video encoder per publication. It takes filtered frames only: a camera frame is a type error here."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import NamedTuple

import av
import cv2
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from filters.base import FilteredFrame, new_frame, planes_of
from server.media.codec.frames import VIDEO_CLOCK_RATE

MIN_BITRATE = 100_000  # bit/s; chosen, below the lowest tier of layer_selection
BASE_LAYER_SHARE = 0.6
"""Bits of the base layer, of those of both layers. As libwebrtc divides them (SimulcastRateAllocator)."""
SMALL = "VP8 small"
"""The encoding of SmallVp8Encoder, among the codecs."""
SMALL_BITRATE = 150_000
"""bit/s of a small encoding; chosen: three base layers of it, and speech, go through 400 kbit/s."""
FINEST, COARSEST = 10, 56
"""Quantizers of libvpx, of 0 to 63. Finer ones than 10 are bits that nobody sees: the luma's PSNR is above 45 dB."""


class EncodedVideo(NamedTuple):
    """One encoded picture. `timestamp` in 90 kHz ticks; `layer` is the temporal layer, 0 can do without 1."""

    data: bytes
    timestamp: int
    keyframe: bool
    layer: int


class FilteredVideo(EncodedVideo):
    """One encoded picture that was a FilteredFrame. Only the encoders below make one; recordings take nothing else."""

    __slots__ = ()


class VideoEncoder:
    """What both codecs share: one output picture per input picture, an open codec of one size and bit rate.

    libvpx and x264 can't change the bit rate of an open codec through FFmpeg, so a new one is opened, which costs
    a keyframe: change it in coarse steps.
    """

    codec = ""

    def __init__(self, bitrate: int, frame_rate: int = 30) -> None:
        self.bitrate = bitrate
        self.frame_rate = frame_rate
        self._context: VideoCodecContext | None = None
        self._opened_with = (0, 0, 0)
        self._last = -1

    def encode(self, frame: FilteredFrame, timestamp: int, *, keyframe: bool) -> FilteredVideo:
        """Encode one picture; raise av.FFmpegError when the codec can't."""
        picture = self._prepare(frame)
        wanted = (picture.width, picture.height, self._rate())
        if self._context is None or self._opened_with != wanted:
            self._context = self._open(*wanted)
            self._opened_with = wanted
        # The codec refuses a time that does not grow.
        self._last = max(timestamp, self._last + 1)
        picture.pts = self._last
        picture.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        data = b"".join(bytes(packet) for packet in self._context.encode(picture))
        if not data:
            raise av.InvalidDataError(0, "the encoder held a frame back")
        return self._describe(data, timestamp)

    def _prepare(self, frame: FilteredFrame) -> av.VideoFrame:
        return frame.frame

    def _rate(self) -> int:
        return max(self.bitrate, MIN_BITRATE)

    def _open(self, width: int, height: int, bitrate: int) -> VideoCodecContext:
        raise NotImplementedError

    def _describe(self, data: bytes, timestamp: int) -> FilteredVideo:
        raise NotImplementedError

    def _context_for(self, name: str, width: int, height: int, bitrate: int) -> VideoCodecContext:
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.bit_rate = bitrate
        context.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        context.framerate = Fraction(self.frame_rate, 1)
        context.gop_size = 3000
        # libvpx's threads spin on a busy machine; parallelism comes from the number of participants.
        context.thread_count = 1
        return context


class Vp8Encoder(VideoEncoder):
    """VP8 with two temporal layers: a receiver that drops layer 1 gets half the frame rate at 60 % of the bits.

    Without denoiser (the filter delivers a clean background), at speed 12, and with blocks left as they are that have
    changed by less than two levels: less than a third of libvpx's default cost.
    """

    codec = "VP8"

    def _open(self, width: int, height: int, bitrate: int) -> VideoCodecContext:
        self._count = 0
        context = self._context_for("libvpx", width, height, bitrate)
        context.qmin, context.qmax = FINEST, COARSEST
        rate = str(bitrate)
        base, full = int(bitrate * BASE_LAYER_SHARE / 1000), bitrate // 1000
        context.options = {
            "bufsize": rate,
            "minrate": rate,
            "maxrate": rate,
            "cpu-used": "-12",
            "deadline": "realtime",
            "lag-in-frames": "0",
            "noise-sensitivity": "0",
            "static-thresh": "500",
            "overshoot-pct": "15",
            "undershoot-pct": "100",
            "error-resilient": "1",
            "ts-parameters": f"ts_number_layers=2:ts_target_bitrate={base},{full}:ts_rate_decimator=2,1:"
            "ts_periodicity=2:ts_layer_id=0,1:ts_layering_mode=2",
        }
        return context

    def _describe(self, data: bytes, timestamp: int) -> FilteredVideo:
        keyframe = not data[0] & 1  # RFC 6386, section 9.1
        if keyframe:
            self._count = 0
        layer = self._count % 2
        self._count += 1
        return FilteredVideo(data, timestamp, keyframe, layer)


class SmallVp8Encoder(Vp8Encoder):
    """Half of the width and height at a rate of its own, for whom even the other's base layer is too much."""

    def _prepare(self, frame: FilteredFrame) -> av.VideoFrame:
        source = frame.frame
        small, planes = new_frame((source.width + 1) // 2, (source.height + 1) // 2)
        for target, plane in zip(planes, planes_of(source), strict=True):
            cv2.resize(plane, target.shape[::-1], dst=target, interpolation=cv2.INTER_AREA)
        return small

    def _rate(self) -> int:
        return SMALL_BITRATE


class H264Encoder(VideoEncoder):
    """Constrained baseline H.264, for peers without VP8; three times the cost."""

    codec = "H264"

    def _prepare(self, frame: FilteredFrame) -> av.VideoFrame:
        source = frame.frame
        width, height = source.width & ~1, source.height & ~1
        if (width, height) == (source.width, source.height):
            return source
        if not (width and height):
            raise av.InvalidDataError(0, "H.264 has no picture of one pixel's width or height")
        even, planes = new_frame(width, height)  # x264 wants even sizes
        for target, plane in zip(planes, planes_of(source), strict=True):
            target[:] = plane[: target.shape[0], : target.shape[1]]
        return even

    def _open(self, width: int, height: int, bitrate: int) -> VideoCodecContext:
        context = self._context_for("libx264", width, height, bitrate)
        context.profile = "Constrained Baseline"
        context.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "maxrate": str(bitrate),
            "bufsize": str(bitrate // 2),
            "forced-idr": "1",
            "x264-params": "repeat-headers=1:annexb=1",
        }
        return context

    def _describe(self, data: bytes, timestamp: int) -> FilteredVideo:
        return FilteredVideo(data, timestamp, _has_idr(data), 0)


def vp8_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height that a VP8 keyframe claims, None for another frame (RFC 6386, section 9.1)."""
    if len(data) < 10 or data[0] & 1:
        return None
    width, height = struct.unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF


def _has_idr(data: bytes) -> bool:
    """Tell whether an Annex B access unit holds an IDR slice (ITU-T H.264, table 7-1)."""
    start = data.find(b"\0\0\1")
    while 0 <= start < len(data) - 3:
        if data[start + 3] & 0x1F == 5:
            return True
        start = data.find(b"\0\0\1", start + 3)
    return False


ENCODERS: dict[str, type[VideoEncoder]] = {"VP8": Vp8Encoder, SMALL: SmallVp8Encoder, "H264": H264Encoder}
"""By encoding: the name of a codec, or SMALL."""
DECODERS = {"VP8": "libvpx", "H264": "h264"}
