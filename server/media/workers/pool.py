"""Workers that are processes: they share neither the interpreter nor the fate of the server.

Python runs one thread of a process at a time, and the filter is made of many short operations: two processes get a
third more done than two threads, and the event loop waits for nobody. A codec that crashes takes its process along;
another one is started, and the cameras on it begin anew with the placeholder.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from filters.backgrounds.background import Background
from filters.matting.segmenter import ModelCard
from server.media.codec.encoder import FilteredVideo
from server.media.workers.base import AnyWorker, Camera
from server.media.workers.link import RemoteWorker
from server.media.workers.process import Worker
from server.media.workers.proxy import FilterProxy, TranscodingProxy

logger = logging.getLogger(__name__)

HANGING: Final = 10.0  # seconds that one job may take, its wait for others included
AWAY: Final = 2.0
"""Seconds between two checks from which on the event loop has been late, and not the workers; chosen."""


class ProcessPool:
    """Workers in processes of their own, here and elsewhere. Made inside a running event loop."""

    def __init__(
        self,
        card: ModelCard,
        count: int,
        smoother: str,
        log_format: str,
        remote: Sequence[tuple[str, int]] = (),
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Start `count` processes with a network; use those that listen at `remote`, too."""
        self.on_remote_frame: Callable[[float], None] = lambda seconds: None
        self._cameras: dict[int, TranscodingProxy] = {}
        self._next = 0
        self._checked: float | None = None
        self._apart: AnyWorker | None = None
        """Where heavy cameras are, if there are any, and no others as long as there are other workers."""
        self._workers: list[AnyWorker] = [Worker(card, (smoother, log_format), self) for _ in range(count)]
        if context is not None:
            self._workers += [RemoteWorker(each, context, card, self) for each in remote]

    @property
    def ready(self) -> int:
        """See Workers."""
        return sum(worker.ready for worker in self._workers)

    @property
    def cores(self) -> Mapping[int, float]:
        """See Workers: a process works on one picture at a time."""
        return {worker.place.worker: 1.0 for worker in self._workers if worker.ready}

    @property
    def processes(self) -> Collection[int]:
        """See Workers."""
        return [w.process for w in self._workers if isinstance(w, Worker) and w.process is not None]

    @property
    def remote(self) -> int:
        """See Workers."""
        return sum(isinstance(worker, RemoteWorker) and worker.ready for worker in self._workers)

    def open(self, background: Background, bitrate: int) -> Camera:
        """See Workers."""
        self._next += 1
        control = FilterProxy(background)
        transcoding = TranscodingProxy(self, self._next, control, bitrate)
        self._cameras[self._next] = transcoding
        return Camera(control, transcoding)

    def least(self, camera: TranscodingProxy | None) -> AnyWorker:
        """Return the worker with the fewest cameras; the present one of a camera if moving gains nothing.

        One that is ready comes before one that is starting, and that before one whose process has ended.
        """
        others = [c.home for c in self._cameras.values() if c is not camera]
        present = camera and camera.home
        return min(
            self._workers,
            key=lambda worker: (
                not worker.ready,
                not worker.running,
                self._apart is not None and (worker is self._apart) != (camera is not None and camera.heavy),
                others.count(worker),
                worker is not present,
            ),
        )

    def forget(self, camera: TranscodingProxy) -> None:
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

    def lost(self, worker: AnyWorker, camera: int | None) -> None:
        """Tell the cameras of a worker that it has ended, and one of them that its frames were worked on."""
        for ours in list(self._cameras.values()):
            if ours.worker is worker:
                ours.lost(guilty=ours.camera == camera)

    def started(self, worker: AnyWorker) -> None:
        """Give a worker that is ready its share of the cameras, which change over with their next frames.

        What it was sent while it loaded its network it begins only now.
        """
        for camera in self._cameras.values():
            if camera.worker is worker and camera.since is not None:
                camera.since = time.monotonic()
        for _ in range(len(self._cameras) // max(1, self.ready)):
            homes = [camera.home for camera in self._cameras.values()]
            fullest = max(homes, key=homes.count)
            if homes.count(fullest) <= homes.count(worker) + 1:
                return
            next(camera for camera in self._cameras.values() if camera.home is fullest).home = worker

    def _part(self) -> None:
        """Keep the heavy cameras together and the others away from them; each changes over with its next frame."""
        before, self._apart = self._apart, None
        homes = [camera.home for camera in self._cameras.values() if camera.heavy]
        if homes and self.ready > 1:
            self._apart = max(homes, key=lambda home: (home is before, homes.count(home)))
            for camera in self._cameras.values():
                if (camera.home is self._apart) != camera.heavy:
                    camera.home = self.least(camera)
        elif before is not None and before.ready:
            self.started(before)

    def check(self, now: float) -> None:
        """See Workers."""
        self._part()
        away = now - self._checked if self._checked is not None else 0.0
        self._checked = now
        for worker in self._workers:
            worker.check(now)
        hanging = set()
        for camera in self._cameras.values():
            if camera.since is None or not camera.worker.ready:
                continue
            if away > AWAY:  # answers may have come that nobody has read
                camera.since += away
            elif now - camera.since > HANGING:
                hanging.add(camera.worker)
        for worker in hanging:
            logger.error("a media worker hangs; it is ended")
            worker.kill()

    def close(self) -> None:
        """See Workers."""
        for worker in self._workers:
            worker.close()
