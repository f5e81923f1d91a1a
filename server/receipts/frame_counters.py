"""What became of one camera's frames, counted where it happened. docs/receipts.md."""

from __future__ import annotations

from typing import NamedTuple

from filters.base import Outcome
from server.media.publication import VideoPublication
from server.media.workers.base import FilterControl


class Frames(NamedTuple):
    """What became of one camera's frames, each counted where it happened.

    `received` by the publication; every Outcome by the filter as it made what may be shown; `encoded` by what feeds
    the encoders; `sent` by the publication. The other two follow.
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
        return sum(getattr(self, outcome) for outcome in Outcome)

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
    outcomes = {outcome.value: made.outcomes[outcome] for outcome in Outcome}
    return Frames(received=video.received, **outcomes, encoded=encoded, sent=sent)


def counters_of(video: VideoPublication, made: FilterControl) -> Counters:
    """Read the same in short."""
    frames = frames_of(video, made)
    outcomes = {outcome.value: getattr(frames, outcome) for outcome in Outcome}
    return Counters(
        received=frames.received, **outcomes, withheld=video.withheld, errors=made.errors, raw=frames.raw
    )
