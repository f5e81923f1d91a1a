"""FilteredTrack: the filter as a MediaStreamTrack, for other people's aiortc programs."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from filters.base import FilteredFrame, VideoFilter


class FilteredTrack(MediaStreamTrack):
    """Wraps a camera track so that it can be given to any RTCPeerConnection or MediaRelay.

    The newest frame wins: what arrives while the filter works is dropped but for the last. `recv` raises
    MediaStreamError when the camera ends, and never returns a frame that the filter did not make.
    """

    kind = "video"

    def __init__(
        self, source: MediaStreamTrack, video_filter: VideoFilter, executor: Executor | None = None
    ) -> None:
        super().__init__()
        self._source = source
        self._filter = video_filter
        self._executor = executor
        self._newest: av.VideoFrame | None = None
        self._arrived = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def recv(self) -> av.VideoFrame:
        """Return the next filtered frame."""
        if self._reader is None:
            self._reader = asyncio.get_running_loop().create_task(self._read())
        shown: FilteredFrame | None = None
        while shown is None:
            await self._arrived.wait()
            self._arrived.clear()
            frame, self._newest = self._newest, None
            if frame is None or self.readyState != "live":
                self.stop()
                raise MediaStreamError
            shown = await asyncio.get_running_loop().run_in_executor(
                self._executor, self._filter.filter, frame
            )
        return shown.frame

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._source.recv()
                if isinstance(frame, av.VideoFrame):
                    self._newest = frame
                    self._arrived.set()
        except MediaStreamError:
            pass
        finally:  # whatever has ended it, nobody is to wait for more
            self._newest = None
            self._arrived.set()

    def stop(self) -> None:
        """End the track and its source."""
        super().stop()
        self._source.stop()
        if self._reader is not None:
            self._reader.cancel()
        self._arrived.set()
