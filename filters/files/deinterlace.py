"""Interlaced frames made progressive: a filter sees whole pictures, and players would not know of fields any more."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
from av.filter import Graph


class Deinterlacer:
    """Frames in, as many frames out, in order, with their times; progressive ones come out as they are.

    It is FFmpeg's bwdif, which sees the frames before and after each, so that frames come out later.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._form: tuple[int, int, str] | None = None
        self._time_base: Fraction | None = None

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Take the next frame; yield what is ready."""
        form = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and form != self._form:
            yield from self.flush()
        if self._graph is None:
            if not frame.interlaced_frame:
                yield frame
                return
            self._graph, self._form, self._time_base = _graph(frame), form, frame.time_base
        self._graph.push(frame)
        yield from self._pull()

    def flush(self) -> Iterator[av.VideoFrame]:
        """Yield the frames still held; the next one begins anew."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
            self._graph = None

    def _pull(self) -> Iterator[av.VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            # The filter counts time in halves of the source's unit.
            if frame.pts is not None and self._time_base is not None and frame.time_base is not None:
                frame.pts = round(frame.pts * frame.time_base / self._time_base)
                frame.time_base = self._time_base
            yield frame


def _graph(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    graph.link_nodes(
        source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    ).configure()
    return graph
