"""Whose camera the server hides for the moment, and why: read from what becomes of its frames."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from filters.base import Outcome

if TYPE_CHECKING:
    from server.rooms.participant import Participant
    from server.rooms.room import Room

logger = logging.getLogger(__name__)

Why = Literal["covered", "stopped", "error"]

INTERVAL: Final = 1.0  # seconds between two looks: some pictures even at the governor's lowest rate
CALM: Final = 2  # looks in a row without a reason, after which the camera counts as shown
REASONS: Final[dict[Why, str]] = {
    "covered": "the server is busy and covers the whole picture",
    "stopped": "the server is busy and sends no picture",
    "error": "the filter fails",
}


class Sample(NamedTuple):
    """One camera at one moment: totals since it began, and whether its filter fails now."""

    received: int
    sent: int
    full_blurs: int
    failing: bool


class HiddenCamera:
    """Follows one camera. Pure logic. `why` is None while it is shown; `begun` counts how often it was hidden."""

    def __init__(self) -> None:
        self.why: Why | None = None
        self.since = 0.0
        self.begun: Counter[Why] = Counter()
        self._last: Sample | None = None
        self._looked = float("-inf")
        self._calm = 0

    def observe(self, now: float, sample: Sample) -> bool:
        """Take the totals; `now` in seconds. Tell whether `why` has changed."""
        if now - self._looked < INTERVAL:
            return False
        last, self._last, self._looked = self._last, sample, now
        why = self._reason(last, sample) if last is not None else None
        self._calm = 0 if why is not None else self._calm + 1
        if why == self.why or (why is None and self._calm < CALM):
            return False
        if why is not None:
            self.begun[why] += 1
        if self.why is None:
            self.since = now
        self.why = why
        return True

    def _reason(self, last: Sample, now: Sample) -> Why | None:
        sent, full_blurs, received = (
            now.sent - last.sent,
            now.full_blurs - last.full_blurs,
            now.received - last.received,
        )
        if now.failing:
            return "error"
        if full_blurs and 2 * full_blurs >= sent:
            return "covered"
        # Before its first picture a camera is not hidden, but still starts.
        if received and last.sent and not sent:
            return "stopped"
        return None


class HiddenCameras:
    """Tells the people of one room, and the log, whose camera is hidden."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def observe(self, now: float) -> None:
        """Find out who is hidden now; `now` in seconds."""
        members, memberships = self._room.members, self._room.memberships
        for membership in memberships:
            participant = membership.participant
            if participant.hidden.observe(now, _sample(participant)):
                _log(participant, now)
        everybody = {m.participant.id: m.participant.hidden.why for m in memberships}
        hidden = {key: why for key, why in everybody.items() if why is not None}
        inside = {key: why for key, why in hidden.items() if key in members}
        for membership in memberships:
            key = membership.participant.id
            own = {key: hidden[key]} if key in hidden else {}
            membership.tell_hidden(inside if key in members else own)


def _sample(participant: Participant) -> Sample:
    video, outcomes = participant.video, participant.filter.outcomes
    return Sample(video.received, video.sent, outcomes[Outcome.FULL_BLUR], participant.filter.failing)


def _log(participant: Participant, now: float) -> None:
    hidden = participant.hidden
    if hidden.why is None:
        seconds = round(now - hidden.since)
        logger.info("the camera of participant %s is shown again, after %d s", participant.id, seconds)
    else:
        logger.warning("the camera of participant %s is hidden: %s", participant.id, REASONS[hidden.why])
