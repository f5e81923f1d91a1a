"""What strangers can cause does not fill the log."""

from __future__ import annotations

import asyncio
import errno
import logging

import pytest

from server.core.log_limit import EVENTS, INTERVAL, PROBLEMS
from server.core.logs import configure_logging

pytestmark = pytest.mark.usefixtures("logging_kept")
MANY = 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("server.core.log_limit.time.monotonic", lambda: now[0])
    return now


def test_one_place_says_so_much_and_then_how_much_was_left_out(
    capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    configure_logging("text", "info")
    logger = logging.getLogger("server.x")
    for round_ in range(2):
        for i in range(MANY):
            logger.warning("stranger %d", i)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == PROBLEMS
        assert (f"({MANY - PROBLEMS} more like it left out)" in lines[0]) == bool(round_)
        clock[0] += INTERVAL
    for i in range(MANY):
        logger.info("participant %d joined", i)
    assert len(capsys.readouterr().err.splitlines()) == EVENTS
    logger.warning("another place")
    assert "another place" in capsys.readouterr().err


@pytest.mark.usefixtures("clock")
async def test_what_nobody_catches_is_limited_by_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    """As accept() without a descriptor left, and whatever a stranger's datagram would make raise."""
    configure_logging("text", "info")
    loop = asyncio.get_running_loop()
    for _ in range(MANY):
        error = OSError(errno.EMFILE, "Too many open files")
        loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": error})
    loop.call_exception_handler({"message": "another", "exception": ValueError("why")})
    text = capsys.readouterr().err
    assert text.count("out of system resource") == PROBLEMS
    assert "ValueError: why" in text
