"""Workers that are processes: they share neither the interpreter nor the fate of the server.

Python runs one thread of a process at a time, and the filter is made of many short operations: two processes get a
third more done than two threads, and the event loop waits for nobody. A codec that crashes takes its process along;
another one is started, and the cameras on it begin anew with a slate.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from filters.backgrounds.background import Background
from server.media.codec.encoder import FilteredVideo
from server.media.workers.base import Camera
from server.media.workers.link import RemoteWorker
from server.media.workers.process import Worker
from server.media.workers.proxy import AnyWorker, RemoteFilter, RemoteTranscoding

logger = logging.getLogger(__name__)

HANGING: Final = 10.0  # seconds that one job may take, its wait for others included


class ProcessPool:
    """Workers in processes of their own, here and elsewhere. Made inside a running event loop."""

    def __init__(
        self,
        model: str,
        models: Path,
        count: int,
        smoother: str,
        log_format: str,
        remote: Sequence[tuple[str, int]] = (),
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Start `count` processes with a network from the folder `models`; use those that listen at `remote`, too."""
        self._cameras: dict[int, RemoteTranscoding] = {}
        self._next = 0
        self.on_remote_frame: Callable[[float], None] = lambda seconds: None
        self._workers: list[AnyWorker] = [
            Worker((model, str(models), smoother, log_format), self.answer, self.lost) for _ in range(count)
        ]
        if context is not None:
            self._workers += [RemoteWorker(each, context, self.answer, self.lost) for each in remote]

    @property
    def size(self) -> int:
        """See Workers."""
        return sum(worker.ready for worker in self._workers)

    @property
    def remote(self) -> int:
        """See Workers."""
        return sum(isinstance(worker, RemoteWorker) and worker.ready for worker in self._workers)

    def open(self, background: Background, bitrate: int) -> Camera:
        """See Workers."""
        self._next += 1
        control = RemoteFilter(background)
        transcoding = RemoteTranscoding(self, self._next, control, bitrate)
        self._cameras[self._next] = transcoding
        return Camera(control, transcoding)

    def least(self, camera: RemoteTranscoding | None) -> AnyWorker:
        """Return the worker with the fewest cameras; the present one of a camera if moving gains nothing."""
        others = [c.worker for c in self._cameras.values() if c is not camera]
        present = camera and camera.worker
        ready = [worker for worker in self._workers if worker.ready]
        return min(ready, key=lambda worker: (others.count(worker), worker is not present))

    def forget(self, camera: RemoteTranscoding) -> None:
        """Count a camera no more."""
        self._cameras.pop(camera.camera, None)

    def answer(self, worker: AnyWorker, answer: dict[str, Any], videos: list[FilteredVideo]) -> None:
        """Give a camera what a worker has answered; a worker has no say about the cameras of others."""
        camera = self._cameras.get(answer["camera"])
        if camera is None or camera.worker is not worker:
            return
        if isinstance(worker, RemoteWorker) and camera.since is not None:
            self.on_remote_frame(time.monotonic() - camera.since)
        camera.answer(answer, videos)

    def lost(self, worker: AnyWorker) -> None:
        """Tell the cameras of a worker that it has ended."""
        for camera in list(self._cameras.values()):
            if camera.worker is worker:
                camera.lost()

    def check(self, now: float) -> None:
        """See Workers."""
        hanging = {
            c.worker for c in self._cameras.values() if c.since is not None and now - c.since > HANGING
        }
        for worker in hanging:
            logger.error("a media worker hangs; it is ended")
            worker.kill()

    def close(self) -> None:
        """See Workers."""
        for worker in self._workers:
            worker.close()
