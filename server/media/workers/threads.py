"""Workers that share this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from filters.backgrounds.background import Background
from filters.base import VideoFilter
from filters.matting.segmenter import Segmenter
from filters.matting.smoother import SMOOTHERS
from filters.person import PersonFilter
from server.media.codec.frames import EncodedFrame
from server.media.codec.transcoder import StageTimes, Transcoder
from server.media.workers.base import Camera, Place, Transcoded, transcoded


class ThreadTranscoding:
    """A Transcoding on an executor's threads."""

    def __init__(self, video_filter: VideoFilter, executor: Executor, bitrate: int) -> None:
        self.bitrate = bitrate
        self.heavy = False
        self.transcoder = Transcoder(video_filter, bitrate)
        self._executor = executor

    @property
    def pixels(self) -> int:
        return self.transcoder.pixels

    @property
    def times(self) -> StageTimes:
        return self.transcoder.times

    @property
    def place(self) -> Place:
        """See Transcoding: all threads are one worker."""
        return Place(0, here=True)

    def submit(
        self, frames: Sequence[EncodedFrame], codecs: Sequence[str], *, keyframe: bool, reset: bool
    ) -> asyncio.Future[Transcoded]:
        """See Transcoding."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._executor, self._work, frames, codecs, keyframe, reset)

    def _work(
        self, frames: Sequence[EncodedFrame], codecs: Sequence[str], keyframe: bool, reset: bool
    ) -> Transcoded:
        self.transcoder.bitrate = self.bitrate
        return transcoded(self.transcoder, frames, codecs, keyframe=keyframe, reset=reset)

    def close(self) -> None:
        """See Transcoding."""


class ThreadPool:
    """Workers that share this process: for a network that exists here only, as in tests."""

    def __init__(self, segmenter: Segmenter, count: int, smoother: str) -> None:
        self.ready = count
        self.cores: Mapping[int, float] = {0: float(count)}
        self._segmenter = segmenter
        self._smoother = SMOOTHERS[smoother]
        self.processes: Collection[int] = ()
        self.remote = 0
        self.on_remote_frame: Callable[[float], None] = lambda seconds: None
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="media")

    def open(self, background: Background, bitrate: int) -> Camera:
        """See Workers."""
        person = PersonFilter(self._segmenter, background, smoother=self._smoother())
        return Camera(person, ThreadTranscoding(person, self._executor, bitrate))

    def check(self, now: float) -> None:
        """Do nothing: a thread can't be ended."""

    def close(self) -> None:
        """See Workers."""
        self._executor.shutdown(wait=False, cancel_futures=True)
