"""What is measured about one room: who speaks, whose connection is good, what became of all frames."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from server.core.messages import Message
from server.peers.connection_quality import Quality
from server.receipts.frame_counters import Counters
from server.rooms.active_speaker import ActiveSpeaker
from server.rooms.last_n import LastN
from server.rooms.participant import Participant

QUALITY_INTERVAL = 2.0  # seconds; chosen
NOTHING = Counters(*(0 for _ in Counters._fields))  # each counter as it begins


class Monitor:
    """From a room's first participant to its last."""

    def __init__(self, voices: int) -> None:
        """With so many `voices` heard at once."""
        self.since = round(time.time() * 1000)
        self._speaker = ActiveSpeaker()
        self._loudest = LastN(voices)
        self._gone = NOTHING
        self._measured = float("-inf")
        self._quality: dict[str, Quality] = {}

    def hear(self, participant: str, level: int) -> bool:
        """Take the level of one audio packet, in -dBov; return whether the room hears it."""
        self._speaker.hear(participant, level)
        return self._loudest.admits(participant, level, time.monotonic())

    def forget(self, participant: Participant) -> None:
        """Somebody has left; their frames still count."""
        self._gone = total((self._gone, participant.counters()))
        self._speaker.forget(participant.id)
        self._loudest.forget(participant.id)

    @property
    def speech(self) -> Message:
        """The `speaker` message."""
        speech = self._speaker.speech
        return {"type": "speaker", "participant": speech.participant, "speaking": list(speech.speaking)}

    @property
    def stage(self) -> str | None:
        """Whose picture matters most: who speaks, or spoke last."""
        return self._speaker.speech.participant

    def observe(
        self, now: float, members: Iterable[Participant], everybody: Iterable[Participant]
    ) -> Iterator[Message]:
        """Yield what has changed, for the members; `everybody` includes the lobby, `now` is in seconds."""
        if self._speaker.update(now) is not None:
            yield self.speech
        if now - self._measured < QUALITY_INTERVAL:
            return
        self._measured = now
        for participant in everybody:
            participant.connections.measure()
        verdicts = ((p.id, p.connections.quality.verdict) for p in members)
        quality = {participant: verdict for participant, verdict in verdicts if verdict is not None}
        if quality != self._quality:
            self._quality = quality
            yield {"type": "quality", "quality": quality}

    def totals(self, members: Iterable[Participant]) -> Counters:
        """Return what became of all frames, those of people who have left included."""
        return total((self._gone, *(p.counters() for p in members)))


def total(counters: Iterable[Counters]) -> Counters:
    """Return the sum, field by field."""
    return Counters(*(sum(column) for column in zip(*counters, strict=True)))
