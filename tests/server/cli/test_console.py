"""What the commands share."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from server.cli.console import ENDING, handling, progress


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_whose_exception_is_lost_ends_the_work_with_the_next_report(number: signal.Signals) -> None:
    def ignore_nothing(_number: int, _frame: object) -> None:
        """Stand for what a shell may have had ignored."""

    before = signal.signal(number, ignore_nothing)
    try:
        with progress() as report:
            report(1, 2)
            with suppress(SystemExit):
                signal.raise_signal(number)
            with pytest.raises(SystemExit) as ended:
                report(2, 2)
        assert ended.value.code == 128 + number
        assert signal.getsignal(number) is ignore_nothing
    finally:
        signal.signal(number, before)


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handling(lambda _number, _frame: pytest.fail("it was heard")):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
