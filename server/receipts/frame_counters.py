"""What became of one camera's frames, counted where it happened. docs/receipts.md."""

from __future__ import annotations

from typing import NamedTuple

from server.media.publication import VideoPublication
from server.media.workers.base import FilterControl


class Frames(NamedTuple):
    """What became of one camera's frames, each counted where it happened.

    `received` by the publication; `filtered`, `covered`, `slated` and `repeated` by the filter as it made what may be
    shown; `encoded` by what feeds the encoders; `sent` by the publication. The other two follow.
    """

    received: int
    filtered: int
    covered: int
    slated: int
    repeated: int
    encoded: int
    sent: int

    @property
    def produced(self) -> int:
        """Pictures that the filter made."""
        return self.filtered + self.covered + self.slated + self.repeated

    @property
    def withheld(self) -> int:
        """Frames that nothing was shown for."""
        return self.received - self.produced

    @property
    def raw(self) -> int:
        """Pictures that were encoded or sent although the filter did not make them."""
        return max(0, max(self.encoded, self.sent) - self.produced)

    def describe(self) -> dict[str, int]:
        """Return the `frames` of a receipt."""
        return self._asdict() | {"withheld": self.withheld, "raw": self.raw}


class Counters(NamedTuple):
    """What became of the frames of cameras that go on, in short; sums of these are told, too.

    `withheld` are frames that were dropped, counted as that happens: unlike Frames.withheld it leaves out the frames
    on their way, and never shrinks. `errors` are failures of the filter. The rest is as in Frames.
    """

    received: int
    filtered: int
    covered: int
    slated: int
    repeated: int
    withheld: int
    errors: int
    raw: int


def frames_of(video: VideoPublication, made: FilterControl) -> Frames:
    """Read the counters against the stream, so that frames on their way meanwhile can't look raw."""
    sent, encoded = video.sent, video.transcoder.times.pictures
    shown = made.filtered, made.fully_blurred, made.placeholders, made.repeated
    return Frames(video.received, *shown, encoded, sent)


def counters_of(video: VideoPublication, made: FilterControl) -> Counters:
    """Read the same in short."""
    frames = frames_of(video, made)
    shown = frames.filtered, frames.covered, frames.slated, frames.repeated
    return Counters(frames.received, *shown, video.withheld, made.errors, frames.raw)
