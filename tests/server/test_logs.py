"""Log lines that a machine can read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from server.logs import configure_logging


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    yield
    root.handlers[:], root.level = handlers, level


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "info")
    logging.getLogger("server.x").info("participant %s\nleft", "p1")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("server.x").exception("failed")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["message"] == "participant p1\nleft"
    assert (first["level"], first["logger"]) == ("info", "server.x")
    assert first["time"].endswith("+00:00")
    assert "ValueError: why" in second["error"]


def test_addresses_in_the_libraries_chatter_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text", "debug")
    logging.getLogger("aioice.ice").info("Check CandidatePair(192.0.2.1 -> 192.0.2.2)")
    logging.getLogger("server.x").debug("kept")
    text = capsys.readouterr().err
    assert "192.0.2.1" not in text
    assert "DEBUG server.x: kept" in text
