"""Recording: what receivers get, into one WebM file a participant, as it was encoded for them.

The wall holds here, too: `Recorder.add` takes a VideoPublication, which gives out nothing but FilteredVideo.
A camera's frames, encoded or not, and screens, which are not filtered, are other types.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from server.media.codec.encoder import FilteredVideo
from server.media.codec.frames import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.recording.webm import WebmFile
from server.media.rtc import AudioPacket, ntp_now
from server.media.subscription import Packets

logger = logging.getLogger(__name__)

INDEX = "index.json"
VERSION = 1  # of the format of the index
MAX_WAITING = 8192  # packets that wait for the disk: some seconds of a large room
MAX_SKEW = 2.0  # seconds between capture and arrival; beyond that a sender's clock is not believed
TOLERANCE = 0.1  # seconds that a stream may drift before its times are set right


class RecordingClock:
    """One stream's RTP timestamps to ms since the recording's start, by the time of capture where it is known."""

    def __init__(self, rate: int, start_ntp: int) -> None:
        """Take the stream's clock rate in Hz, and the start as a 64-bit NTP timestamp of this server."""
        self._rate = rate
        self._start = start_ntp
        self._offset: float | None = None

    def milliseconds(self, timestamp: int, capture_ntp: int | None, now_ntp: int) -> int:
        """Return the time of a packet; it goes on evenly unless it is TOLERANCE from the capture time."""
        now, elapsed, tolerance = self._seconds(now_ntp), timestamp / self._rate, MAX_SKEW
        expected = now
        if capture_ntp is not None and abs(self._seconds(capture_ntp) - now) <= MAX_SKEW:
            expected, tolerance = self._seconds(capture_ntp), TOLERANCE
        if self._offset is None or abs(elapsed + self._offset - expected) > tolerance:
            self._offset = expected - elapsed
        return max(0, round(1000 * (elapsed + self._offset)))

    def _seconds(self, ntp: int) -> float:
        return (ntp - self._start) / (1 << 32)


class VideoTap:
    """Subscribes to one participant's filtered video for a recording, from a keyframe on."""

    encoding = wanted = "VP8"
    share: float | None = None
    own: bool = False

    def __init__(self, clock: RecordingClock, write: Callable[[FilteredVideo, int], None]) -> None:
        self._clock = clock
        self._write = write
        self._started = False

    def deliver(self, video: FilteredVideo, packets: Packets, capture_ntp: int | None) -> None:
        """Take one picture, on the event loop."""
        self._started |= video.keyframe
        if self._started:
            self._write(video, self._clock.milliseconds(video.timestamp, capture_ntp, ntp_now()))

    def drop(self) -> None:
        """Go on at a keyframe; nothing waits here."""
        self._started = False


class AudioTap:
    """Subscribes to one participant's sound for a recording."""

    loudest_only = False

    def __init__(self, clock: RecordingClock, write: Callable[[bytes, int], None]) -> None:
        self._clock = clock
        self._write = write

    def deliver(self, packet: AudioPacket, capture_ntp: int | None) -> None:
        """Take one Opus packet, on the event loop."""
        self._write(packet.data, self._clock.milliseconds(packet.timestamp, capture_ntp, ntp_now()))


@dataclass(slots=True)
class _Part:
    """One participant's stay."""

    participant: str
    name: str
    file: WebmFile
    ended: bool = False

    def describe(self) -> dict[str, Any]:
        file = self.file
        seconds = {"start": _seconds(file.start), "end": _seconds(file.end) if self.ended else None}
        return {"participant": self.participant, "name": self.name, "file": file.path.name, **seconds}


class _Source(NamedTuple):
    part: _Part
    detach: Callable[[], None]


class Recorder:
    """Writes a room into a folder that it makes. Made inside a running event loop; the disk has its own thread.

    `on_error` is called, mostly on that thread, with an OSError when the disk fails or can't keep up, with any other
    error for a defect; nothing is written any more then.
    """

    def __init__(
        self, folder: Path, room: str, size: tuple[int, int], on_error: Callable[[Exception], None]
    ) -> None:
        self.folder = folder
        self.since = round(time.time() * 1000)
        self._room = room
        self._size = size
        self._on_error = on_error
        self._start = ntp_now()
        self._parts: dict[str, _Source] = {}
        self._told: list[_Part] = []  # on the thread only, as _end
        self._end: int | None = None
        self._failed = False
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="recording")
        self._thread.start()
        self._submit(self._make_folder)

    def add(self, participant: str, name: str, video: VideoPublication, audio: AudioPublication) -> None:
        """Record somebody from the next keyframe on."""
        if participant in self._parts:
            return
        part = _Part(participant, name, WebmFile(self.folder / f"{participant}.webm", self._size))
        file = part.file

        def write_video(picture: FilteredVideo, at: int) -> None:
            self._submit(lambda: self._write(part, partial(file.write_video, picture, at)))

        def write_audio(opus: bytes, at: int) -> None:
            self._submit(lambda: self._write(part, partial(file.write_audio, opus, at)))

        pictures = VideoTap(RecordingClock(VIDEO_CLOCK_RATE, self._start), write_video)
        sound = AudioTap(RecordingClock(AUDIO_CLOCK_RATE, self._start), write_audio)

        def detach() -> None:
            video.unsubscribe(pictures)
            audio.unsubscribe(sound)

        self._parts[participant] = _Source(part, detach)
        self._submit(partial(self._begin, part))
        video.subscribe(pictures)
        audio.subscribe(sound)

    def remove(self, participant: str) -> None:
        """End somebody's file."""
        source = self._parts.pop(participant, None)
        if source is not None:
            source.detach()
            self._submit(partial(self._finish, source.part))

    def stop(self) -> None:
        """End every file; what waits is still written."""
        for participant in list(self._parts):
            self.remove(participant)
        self._submit(self._conclude)
        self._submit(None)

    def join(self) -> None:
        """Wait until all is on the disk, after `stop`. Not on the event loop."""
        self._thread.join()

    def _submit(self, job: Callable[[], None] | None) -> None:
        """Hand a job to the thread without waiting for it; a full queue is a disk that is too slow."""
        if self._failed:
            return
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self._fail(OSError("the disk is too slow"))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None and not self._failed:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - whatever it is, on_error gets it
                self._fail(error)
                break
        self._salvage()

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            self._on_error(error)

    def _salvage(self) -> None:
        """Close what is open after an error, as far as that can be done."""
        for part in self._told:
            if not part.ended:
                try:
                    self._finish(part)
                except Exception as error:  # noqa: BLE001 - the other files have to be closed as well
                    words = error.strerror if isinstance(error, OSError) else type(error).__name__
                    logger.warning("a recorded file can't be ended: %s", words)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True)
        self._write_index()

    def _begin(self, part: _Part) -> None:
        self._told.append(part)
        self._write_index()

    def _write(self, part: _Part, write: Callable[[], None]) -> None:
        first = part.file.start is None
        write()
        if first:
            self._write_index()

    def _finish(self, part: _Part) -> None:
        part.ended = True
        part.file.close()
        self._write_index()

    def _conclude(self) -> None:
        self._end = round(time.time() * 1000)
        self._write_index()

    def _write_index(self) -> None:
        index = {
            "version": VERSION,
            "room": self._room,
            "start": self.since,
            "end": self._end,
            "files": [part.describe() for part in self._told],
        }
        unfinished = self.folder / f".{INDEX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with open(os.open(unfinished, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - its mode
            json.dump(index, file, ensure_ascii=False, indent=2)
        unfinished.replace(self.folder / INDEX)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
