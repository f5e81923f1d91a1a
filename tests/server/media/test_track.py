"""FilteredTrack with a filter that paints everything black."""

import asyncio
import contextlib
from fractions import Fraction

import av
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from filters.base import FilteredFrame, new_frame, planes_of
from server.media.track import FilteredTrack
from tests.support.painting import PlainFilter


class Camera(MediaStreamTrack):
    kind = "video"

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.left = frames
        self.read = asyncio.Event()

    async def recv(self) -> av.VideoFrame:
        if self.left == 0:
            raise MediaStreamError
        self.left -= 1
        frame, planes = new_frame(64, 48)
        planes.y[:] = 200
        frame.pts, frame.time_base = self.left, Fraction(1, 30)
        if self.left == 0:
            self.read.set()
        await asyncio.sleep(0)
        return frame


class Black(PlainFilter):
    """Shows black; swallows the first frame as a delay line does."""

    def __init__(self) -> None:
        self.seen: list[int | None] = []

    def filter(self, frame: av.VideoFrame) -> FilteredFrame | None:
        self.seen.append(frame.pts)
        if len(self.seen) == 1:
            return None
        black, planes = new_frame(frame.width, frame.height)
        for plane in planes:
            plane[:] = 16
        black.pts = frame.pts
        return FilteredFrame(black)

    def reset(self) -> None:
        self.seen.clear()


async def test_only_filtered_frames_come_out_and_the_end_is_passed_on() -> None:
    camera, black = Camera(50), Black()
    track = FilteredTrack(camera, black)
    shown = []
    while track.readyState == "live":
        with contextlib.suppress(MediaStreamError):
            shown.append(await track.recv())
    assert shown
    assert {int(planes_of(f).y.max()) for f in shown} == {16}
    assert camera.readyState == track.readyState == "ended"


async def test_a_camera_that_fails_has_ended() -> None:
    class Failing(Camera):
        async def recv(self) -> av.VideoFrame:
            if self.left == 1:
                raise ValueError
            return await super().recv()

    track = FilteredTrack(Failing(3), Black())
    while track.readyState == "live":
        with contextlib.suppress(MediaStreamError):
            await asyncio.wait_for(track.recv(), 5)


async def test_stopping_ends_the_camera() -> None:
    camera = Camera(10**6)
    track = FilteredTrack(camera, Black())
    await track.recv()
    track.stop()
    assert camera.readyState == "ended"
    with pytest.raises(MediaStreamError):
        await track.recv()
