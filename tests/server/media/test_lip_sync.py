"""Sound leaves little younger than pictures; times are simulated."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from server.media.lip_sync import FRESH, LEAD, LONGEST, SLEW, TOLERANCE, PictureAge, SoundWait

PACKET, PICTURE = 0.02, 1 / 30  # seconds


class Person:
    """Somebody whose camera and microphone send until `now`."""

    def __init__(self) -> None:
        self.age = PictureAge()
        self.waits: list[float] = []
        self.now = 0.0
        self._sound = SoundWait(self.age)
        self._pictured = float("-inf")
        self._random = random.Random(1)

    def send(
        self, seconds: float, picture: float | None, sound: float | None = 0.0, jitter: float = 0.0
    ) -> None:
        """Let pictures leave of the age `picture` and sound come of the age `sound`, both up to `jitter` older."""
        end = self.now + seconds
        while self.now < end:
            if picture is not None and self.now - self._pictured >= PICTURE:
                self._pictured = self.now
                self.age.note(picture + self._random.uniform(0, jitter), self.now)
            age = None if sound is None else sound + self._random.uniform(0, jitter)
            self.waits.append(self._sound.update(age, self.now))
            self.now += PACKET


def steps(person: Person) -> float:
    """Return the largest change from one packet to the next, in seconds."""
    return max(abs(b - a) for a, b in pairwise(person.waits))


def test_sound_waits_for_what_the_picture_is_older() -> None:
    person = Person()
    person.send(5, 0.06 + LEAD, 0.01)
    assert person.waits[-1] == pytest.approx(0.05)


def test_the_wait_follows_the_picture_without_a_jump() -> None:
    person = Person()
    person.send(5, 0.03 + LEAD)
    person.send(5, 0.09 + LEAD)
    assert person.waits[-1] == pytest.approx(0.09, abs=TOLERANCE)
    person.send(5, 0.04 + LEAD)
    assert person.waits[-1] == pytest.approx(0.04, abs=TOLERANCE)
    assert steps(person) <= SLEW * PACKET * 1.001


def test_what_wavers_does_not_move_it() -> None:
    person = Person()
    person.send(60, 0.05 + LEAD, jitter=0.02)
    settled = person.waits[len(person.waits) // 2 :]
    assert max(settled) == min(settled) == pytest.approx(0.05, abs=TOLERANCE)


def test_what_a_receiver_makes_up_for_need_not_wait() -> None:
    person = Person()
    person.send(60, LEAD + 0.9 * TOLERANCE)
    assert set(person.waits) == {0.0}


@pytest.mark.parametrize(("picture", "wait"), [(5.0, LONGEST), (0.0, 0.0), (-5.0, 0.0)])
def test_it_is_bounded_whatever_the_ages(picture: float, wait: float) -> None:
    person = Person()
    person.send(5, picture, 0.01)
    assert person.waits[-1] == pytest.approx(wait)
    assert all(0 <= seconds <= LONGEST for seconds in person.waits)


def test_without_a_picture_sound_waits_for_nothing() -> None:
    person = Person()
    person.send(5, 0.06 + LEAD)
    person.send(FRESH + LONGEST / SLEW + 1, None)
    assert person.waits[-1] == 0
    assert steps(person) <= SLEW * PACKET * 1.001
    assert SoundWait(None).update(0.01, 1.0) == 0


def test_sound_of_unknown_age_waits_for_nothing() -> None:
    person = Person()
    person.send(5, 0.06 + LEAD, None)
    assert person.waits[-1] == 0
