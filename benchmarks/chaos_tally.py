"""What the viewers of benchmarks.chaos have seen: every decoded frame counts under every fault of the moment."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from rich.table import Table

from benchmarks.chaos_media import contrast
from server.media.rtc import EncodedFrame, VideoReceiver

AFTERMATH = 2.0
"""Seconds after its end in which a fault still counts: what it has spoilt comes late. Chosen."""
LIMIT = 0.05
"""Share of the marker's contrast that no frame may show; chosen."""
CODECS = {"VP8": "vp8", "H264": "h264"}


@dataclass
class Tally:
    """Counts by fault; `folder` gets the pictures that show too much."""

    folder: Path | None = None
    frames: int = 0
    worst: float = 0.0
    above: int = 0
    undecodable: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    """How often something went wrong in a fault itself, as that nobody could be reached."""
    under: Counter[str] = field(default_factory=Counter)
    """Frames."""
    worst_under: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    by: Counter[str] = field(default_factory=Counter)
    """Frames, by the way to the viewer."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """What became of the cameras' frames, as the server counts them."""
    _active: Counter[str] = field(default_factory=Counter)
    _ended: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def fault(self, kind: str) -> Iterator[None]:
        """Count a fault that goes on until the end of the block."""
        self.injected[kind] += 1
        self._active[kind] += 1
        try:
            yield
        finally:
            self._active[kind] -= 1
            self._ended[kind] = time.monotonic()

    def look(self, way: str, frame: av.VideoFrame) -> None:
        """Take a decoded frame."""
        shown, now = contrast(frame), time.monotonic()
        self.frames += 1
        self.by[way] += 1
        self.worst = max(self.worst, shown)
        kinds = {kind for kind, count in self._active.items() if count}
        kinds |= {kind for kind, at in self._ended.items() if now - at < AFTERMATH}
        for kind in kinds:
            self.under[kind] += 1
            self.worst_under[kind] = max(self.worst_under[kind], shown)
        if shown > LIMIT:
            self.above += 1
            if self.folder is not None:
                name = f"{self.above:04}-{shown:.3f}-{way}-{'-'.join(sorted(kinds))[:120]}.png"
                frame.to_image().save(  # type: ignore[no-untyped-call]
                    self.folder / name.replace(" ", "_").replace("/", "_")
                )

    def describe(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "frames": self.frames,
            "worst": self.worst,
            "above": self.above,
            "by": self.by,
            "outcomes": self.outcomes,
            "faults": {
                k: [n, self.under[k], round(self.worst_under[k], 4)] for k, n in self.injected.items()
            },
        }

    def table(self, title: str) -> Table:
        """Return a row for each kind of fault."""
        table = Table(title=title)
        for heading in ("fault", "times", "failed", "frames decoded meanwhile", "highest contrast, %"):
            table.add_column(heading, justify="left" if heading == "fault" else "right")
        for kind in sorted(self.injected):
            failed = str(self.failed[kind] or "–")
            worst = f"{100 * self.worst_under[kind]:.2f}"
            table.add_row(kind, str(self.injected[kind]), failed, str(self.under[kind]), worst)
        table.add_section()
        table.add_row(
            f"all {len(self.injected)} kinds",
            str(self.injected.total()),
            str(self.failed.total()),
            str(self.frames),
            f"{100 * self.worst:.2f}",
        )
        return table


class Screen:
    """Decodes one stream that a viewer receives."""

    def __init__(self, tally: Tally, way: str) -> None:
        self.receiver: VideoReceiver | None = None
        self._tally = tally
        self._way = way
        self._codec = ""
        self._decoder: av.VideoCodecContext | None = None

    def show(self, encoded: EncodedFrame) -> None:
        """Decode a frame, and look at what comes out."""
        if self._decoder is None or encoded.codec != self._codec:
            decoder = av.CodecContext.create(CODECS[encoded.codec], "r")
            assert isinstance(decoder, av.VideoCodecContext)
            decoder.thread_count = 1
            self._codec, self._decoder = encoded.codec, decoder
        try:
            for frame in self._decoder.decode(av.Packet(encoded.data)):
                self._tally.look(self._way, frame)
        except FFmpegError:
            self._tally.undecodable += 1
            self._decoder = None
            if self.receiver is not None:
                self.receiver.request_keyframe()
