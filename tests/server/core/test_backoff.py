"""How long something that has failed waits before it is tried again."""

from __future__ import annotations

from server.core.backoff import Backoff


def test_pauses_double_up_to_a_limit() -> None:
    backoff = Backoff(1, 5)
    pauses = [backoff.pause() for _ in range(5)]
    assert all(full / 2 <= pause <= full for pause, full in zip(pauses, (1, 2, 4, 5, 5), strict=True))
    backoff.reset()
    assert backoff.pause() <= 1


def test_what_has_lasted_has_worked() -> None:
    backoff = Backoff(1, 5)
    pauses = [backoff.pause(lasted) for lasted in (0, 5, 5.1)]
    assert all(full / 2 <= pause <= full for pause, full in zip(pauses, (1, 2, 1), strict=True))
