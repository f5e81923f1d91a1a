"""Who speaks, from the audio levels that browsers send along (RFC 6464). Pure logic; time is passed in.

The two thresholds and the hangover keep a voice from flickering between words; margin and patience keep a cough or a
door from taking the stage from whoever speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

INTERVAL = 0.25  # seconds between two calls of `update`, hence at most four changes a second
SPEAKING = 45.0  # -dBov: as loud as that is speech; chosen
SILENT = 55.0  # -dBov: only what is quieter ends it
SILENCE = 127.0  # -dBov, the quietest that RFC 6464 knows; also when no packet comes (DTX, mute)
RELEASE = 0.5  # of the way to a quieter level in one interval; louder counts at once
HANGOVER = 0.6  # seconds of quiet within speech; chosen
MARGIN = 6.0  # dB louder than whoever has the stage
PATIENCE = 0.5  # seconds of that; chosen


class Speech(NamedTuple):
    """Whom to show large (None before anybody has spoken), and everybody who speaks now."""

    participant: str | None
    speaking: tuple[str, ...]


@dataclass(slots=True)
class _Voice:
    level: float = SILENCE
    speaking: bool = False
    loud: float = 0.0
    total: float = 0.0
    count: int = 0

    def update(self, now: float) -> None:
        level = self.total / self.count if self.count else SILENCE
        self.total, self.count = 0.0, 0
        self.level = min(level, self.level + (level - self.level) * RELEASE)
        if self.level <= SPEAKING or (self.speaking and self.level < SILENT):
            self.speaking, self.loud = True, now
        elif now - self.loud > HANGOVER:
            self.speaking = False


class ActiveSpeaker:
    """Watches the voices of one room."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}
        self._stage: str | None = None
        self._challenger: str | None = None
        self._challenged = 0.0
        self._told = Speech(None, ())

    @property
    def speech(self) -> Speech:
        """What `update` last found."""
        return self._told

    def hear(self, participant: str, level: int) -> None:
        """Take the level of one audio packet: 0 (loudest) to 127 (silence), in -dBov."""
        voice = self._voices.setdefault(participant, _Voice())
        voice.total += level
        voice.count += 1

    def forget(self, participant: str) -> None:
        """Somebody has left."""
        self._voices.pop(participant, None)
        if self._stage == participant:
            self._stage = None

    def update(self, now: float) -> Speech | None:
        """Return who speaks if that has changed since the last call; to be called every INTERVAL seconds."""
        for voice in self._voices.values():
            voice.update(now)
        self._choose(now)
        speech = Speech(self._stage, tuple(sorted(p for p, v in self._voices.items() if v.speaking)))
        if speech == self._told:
            return None
        self._told = speech
        return speech

    def _choose(self, now: float) -> None:
        """Give the stage to the loudest, at once when it is free."""
        speaking = [p for p, voice in self._voices.items() if voice.speaking]
        loudest = min(speaking, key=lambda p: self._voices[p].level, default=None)
        current = self._voices.get(self._stage) if self._stage is not None else None
        if loudest is None or loudest == self._stage:
            self._challenger = None
        elif current is None or not current.speaking:
            self._stage = loudest
        elif current.level - self._voices[loudest].level < MARGIN:
            self._challenger = None
        elif self._challenger != loudest:
            self._challenger, self._challenged = loudest, now
        elif now - self._challenged >= PATIENCE:
            self._stage, self._challenger = loudest, None
