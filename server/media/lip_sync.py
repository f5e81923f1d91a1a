"""How long sound waits for the picture that belongs to it. Pure logic; time is passed in.

The filter makes a camera's picture late, and sound does not pass it. Sender reports tell a receiver so (RFC 3550,
section 6.4.1), but browsers leave it at that while the difference is below 30 ms (StreamSynchronization in libwebrtc,
kMinDeltaMs), and what is forwarded elsewhere may be played without looking at reports. So sound leaves here no more
than LEAD younger than pictures; what leaves has an age, the time since it was captured by the sender's clock.
"""

from __future__ import annotations

WEIGHT = 0.1
"""Of the latest picture in the mean age: a third of a second at 30 pictures a second."""
FRESH = 1.0
"""Seconds after its last picture for which a camera has an age."""
LONGEST = 0.1
"""Seconds that sound waits at most; frames that have waited as long for a worker are not shown."""
LEAD = 0.04
"""Seconds by which sound leaves younger: a receiver takes as much longer to play it, a packet or two in its jitter
buffer and one in the loudspeaker's. Where sound waited for all of the picture's age Chromium delayed both by 50 ms."""
TOLERANCE = 0.015
"""Seconds by which the wait may be wrong before it changes; chosen, half of what browsers leave as it is."""
SLEW = 0.02
"""Seconds by which the wait changes in a second: 0.4 ms a packet, far less than what networks do to packets."""


class PictureAge:
    """How long ago what leaves of one camera was captured, in seconds, smoothed."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._noted = float("-inf")

    def note(self, age: float, now: float) -> None:
        """Take the age of a picture that leaves at `now`."""
        self._mean = self._mean + WEIGHT * (age - self._mean) if now - self._noted < FRESH else age
        self._noted = now

    def at(self, now: float) -> float | None:
        """Return the mean age; None while no pictures leave."""
        return self._mean if now - self._noted < FRESH else None


class SoundWait:
    """How long the sound of one participant waits, so that it leaves little younger than their pictures.

    It stays as it is while that is about right: what wavers looks like jitter to a receiver, whose buffer then grows.
    """

    def __init__(self, picture: PictureAge | None) -> None:
        """Take the age of the pictures; None where sound waits for nothing."""
        self._picture = picture
        self._usual: float | None = None
        self._wanted = self._seconds = 0.0
        self._updated = float("-inf")

    def update(self, age: float | None, now: float) -> float:
        """Return for how many seconds a packet waits that has come at `now`, of the age `age`, None if unknown."""
        picture = None if self._picture is None else self._picture.at(now)
        step, self._updated = SLEW * (now - self._updated), now
        if age is not None:
            self._usual = age if self._usual is None else _towards(self._usual, age, step)
        wanted = 0.0
        if picture is not None and self._usual is not None:
            wanted = min(LONGEST, max(0.0, picture - LEAD - self._usual))
        if abs(wanted - self._wanted) > TOLERANCE or picture is None:
            self._wanted = wanted
        self._seconds = _towards(self._seconds, self._wanted, step)
        return self._seconds


def _towards(value: float, wanted: float, step: float) -> float:
    return value + min(step, max(-step, wanted - value))
