"""Which voices of a room are heard: the loudest, so many at once. Pure logic; time is passed in.

Nobody follows more, and every voice costs every listener 50 packets a second. Whoever is heard goes on being heard
until others are clearly louder, so that nobody is cut off within a word.
"""

from __future__ import annotations

from dataclasses import dataclass

RELEASE = 0.05  # of the way to a quieter level with each packet, hence 0.4 s; louder counts at once
MARGIN = 6.0  # dB louder than the quietest of those who are heard
GONE = 0.5  # seconds without a packet (mute, DTX), after which a place is free


@dataclass(slots=True)
class _Loudness:
    level: float
    heard: float


class LastN:
    """The voices of one room that are heard now, `most` at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._voices: dict[str, _Loudness] = {}

    def admits(self, participant: str, level: int, now: float) -> bool:
        """Take the level of one audio packet (-dBov, 0 is loudest) at `now` seconds; return whether it is heard."""
        voice = self._voices.get(participant)
        if voice is not None:
            voice.level = min(level, voice.level + (level - voice.level) * RELEASE)
            voice.heard = now
            return True
        if len(self._voices) >= self._most and not self._make_room(level, now):
            return False
        self._voices[participant] = _Loudness(level, now)
        return True

    def forget(self, participant: str) -> None:
        """Somebody has left."""
        self._voices.pop(participant, None)

    def _make_room(self, level: int, now: float) -> bool:
        """Put out whoever is gone, or the quietest if that is clearly quieter."""
        quietest, voice = max(
            self._voices.items(), key=lambda item: (now - item[1].heard > GONE, item[1].level)
        )
        if now - voice.heard <= GONE and voice.level - level < MARGIN:
            return False
        del self._voices[quietest]
        return True
