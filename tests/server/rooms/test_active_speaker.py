"""Who has the stage, with voices that are levels at a quarter of a second each."""

from __future__ import annotations

from server.rooms.active_speaker import INTERVAL, ActiveSpeaker, Speech

LOUD, SOFT, NOISE = 25, 40, 70  # -dBov


class Hall:
    """A room whose clock runs in intervals."""

    def __init__(self) -> None:
        self.speaker = ActiveSpeaker()
        self.now = 100.0
        self.changes = 0

    def hear(self, seconds: float, **levels: int) -> Speech:
        for _ in range(round(seconds / INTERVAL)):
            for participant, level in levels.items():
                for _ in range(12):
                    self.speaker.hear(participant, level)
            self.now += INTERVAL
            self.changes += self.speaker.update(self.now) is not None
        return self.speaker.speech


def test_nobody_speaks_at_first() -> None:
    hall = Hall()
    assert hall.hear(2, ada=NOISE, bob=NOISE) == Speech(None, ())
    assert hall.changes == 0


def test_the_first_voice_has_the_stage_at_once_and_keeps_it_in_silence() -> None:
    hall = Hall()
    assert hall.hear(INTERVAL, ada=LOUD, bob=NOISE) == Speech("ada", ("ada",))
    assert hall.hear(5, ada=NOISE, bob=NOISE) == Speech("ada", ())
    assert hall.changes == 2


def test_pauses_between_words_change_nothing() -> None:
    hall = Hall()
    for _ in range(10):
        hall.hear(0.5, ada=LOUD)
        assert hall.hear(0.5, ada=NOISE).speaking == ("ada",)
    assert hall.changes == 1


def test_the_next_one_gets_the_stage_when_it_is_free() -> None:
    hall = Hall()
    hall.hear(2, ada=LOUD)
    hall.hear(1.5, ada=NOISE)
    assert hall.hear(INTERVAL, bob=SOFT) == Speech("bob", ("bob",))


def test_a_cough_does_not_take_the_stage() -> None:
    hall = Hall()
    hall.hear(2, ada=SOFT)
    assert hall.hear(INTERVAL, ada=SOFT, bob=LOUD) == Speech("ada", ("ada", "bob"))
    assert hall.hear(2, ada=SOFT) == Speech("ada", ("ada",))


def test_who_is_clearly_louder_for_a_while_does() -> None:
    hall = Hall()
    hall.hear(2, ada=SOFT)
    assert hall.hear(0.75, ada=SOFT, bob=LOUD).participant == "bob"


def test_who_is_hardly_louder_does_not() -> None:
    hall = Hall()
    hall.hear(2, ada=SOFT)
    assert hall.hear(5, ada=SOFT, bob=SOFT - 4) == Speech("ada", ("ada", "bob"))


def test_no_packets_are_silence() -> None:
    hall = Hall()
    hall.hear(2, ada=LOUD)
    assert hall.hear(2).speaking == ()


def test_who_leaves_leaves_the_stage() -> None:
    hall = Hall()
    hall.hear(1, ada=LOUD, bob=SOFT)
    hall.speaker.forget("ada")
    assert hall.hear(INTERVAL, bob=SOFT) == Speech("bob", ("bob",))
    hall.speaker.forget("bob")
    assert hall.hear(INTERVAL) == Speech(None, ())
    hall.speaker.forget("nobody")
