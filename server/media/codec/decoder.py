"""Decoding a camera's pictures, and telling which of them no camera took.

A decoder goes on after a loss, with whatever it has for a reference: what it shows then is rubbish that moves. Once
its references may be wrong it is given nothing but a keyframe.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from filters.base import Plane
from filters.blockiness import MAX_DOUBTED, BlockWatch
from filters.frames import luma_of
from filters.matting.stillness import CUT, changed, scene_cells
from server.core.errors import DecodeError
from server.media.codec.encoder import DECODERS, vp8_size
from server.media.codec.frame_numbers import FrameNumbers
from server.media.codec.frames import VIDEO_CLOCK_RATE, EncodedFrame

MAX_PIXELS: Final = 1920 * 1088  # px of a picture: 1080 lines, rounded up to whole macroblocks of 16
KEYFRAME_JUMP: Final = 0.01
"""Share of cells that a keyframe may change against the picture before it where nothing moves."""
MOTION_FACTOR: Final = 3.0  # times what the frames before changed at most
MEMORY: Final = 0.9  # of that, from frame to frame; chosen


class CameraDecoder:
    """The decoder of one camera.

    `jumped` tells that the last picture has nothing to do with the one before it, `doubtful` that it may be none of
    the camera's and is not to be shown.
    """

    def __init__(self) -> None:
        self._codec = ""
        self.reset()

    def reset(self) -> None:
        """Expect another stream, and its keyframe."""
        self.jumped = self.doubtful = False
        self._doubted = 0
        self._context: VideoCodecContext | None = None
        self._before: Plane | None = None
        self._motion = 0.0
        self._blocks = BlockWatch()
        self._numbers = FrameNumbers()

    def decode(self, frame: EncodedFrame) -> av.VideoFrame | None:
        """Return the frame's picture, yuv420p, or None while the codec has none.

        Raises DecodeError for what is no picture of the camera's; then only a keyframe will do.
        """
        self.jumped = False
        try:
            picture = self._decode(frame)
            if picture is not None:
                self._check(picture, frame)
        except (av.FFmpegError, DecodeError) as error:
            self._context = None
            raise DecodeError(str(error)) from error
        return picture

    def _decode(self, frame: EncodedFrame) -> av.VideoFrame | None:
        if frame.codec == "VP8":
            # libvpx takes as much memory as a frame claims to need, whatever FFmpeg's max_pixels says.
            _expect_size(*vp8_size(frame.data) or (0, 0))
        if self._context is None or self._codec != frame.codec:
            if not frame.keyframe:
                raise DecodeError("the stream does not begin with a keyframe")
            self._context, self._codec = _context(frame.codec), frame.codec
        if frame.codec == "H264" and self._numbers.has_gap(frame.data):
            raise DecodeError("a picture refers to one that is missing")
        packet = av.Packet(frame.data)
        packet.pts = frame.timestamp
        packet.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        pictures = self._context.decode(packet)
        return pictures[-1] if pictures else None

    def _check(self, picture: av.VideoFrame, frame: EncodedFrame) -> None:
        _expect_size(picture.width, picture.height)
        if picture.is_corrupt:
            raise DecodeError("a picture refers to one that is missing")
        luma = luma_of(picture)
        self._check_blocks(luma, keyframe=frame.keyframe)
        before, self._before = self._before, scene_cells(luma)
        if before is None:
            return
        share = changed(self._before, before)
        if not frame.keyframe and share > CUT:
            raise DecodeError("a picture shows another scene than the one that it refers to")
        # A keyframe shows what the frames before it should have shown, one step of a motion later.
        self.jumped = frame.keyframe and share > max(KEYFRAME_JUMP, MOTION_FACTOR * self._motion)
        if not frame.keyframe:
            self._motion = max(share, MEMORY * self._motion)

    def _check_blocks(self, luma: Plane, *, keyframe: bool) -> None:
        self.doubtful = self._blocks.doubts(luma, anew=keyframe)
        self._doubted = self._doubted + 1 if self.doubtful else 0
        if self._doubted > MAX_DOUBTED:
            raise DecodeError("pictures do not fit those that they refer to")


def _context(codec: str) -> VideoCodecContext:
    context = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}
    # Else the left side of a crop inside H.264 is rounded down, and shown.
    context.flags |= Flags.unaligned
    return context


def _expect_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DecodeError(f"{width}x{height} is larger than this server takes")
