"""Log lines that a machine can read."""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings

import pytest

from server.core.logs import configure_logging

pytestmark = pytest.mark.usefixtures("logging_kept")


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


def test_whom_aiohttp_warns_about_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text", "debug")
    logging.getLogger("aiohttp.websocket").warning("%s: Client protocols %r", "192.0.2.1", ["eyJ"])
    assert capsys.readouterr().err == ""


def test_a_client_that_goes_away_in_the_middle_of_a_request_is_nobody_s_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("text", "debug")
    for error in (ConnectionResetError("192.0.2.1"), BrokenPipeError(), ValueError("192.0.2.1")):
        try:
            raise error
        except (OSError, ValueError):
            logging.getLogger("aiohttp.server").exception("Error handling request from %s", "192.0.2.1")
    text = capsys.readouterr().err
    assert text.count("a request failed") == 1
    assert "RequestFailed: ValueError" in text
    assert "192.0.2.1" not in text


def fail() -> None:
    raise ValueError("why")


def test_what_nobody_catches_is_logged_as_everything_else(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "warning")
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    thread = threading.Thread(target=fail, name="disk")
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)  # which catch_warnings has undone
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    process, thread_line, warning = map(json.loads, capsys.readouterr().err.splitlines())
    assert (process["level"], thread_line["level"], warning["level"]) == ("critical", "error", "warning")
    assert "ValueError: why" in process["error"]
    assert "disk" in thread_line["message"]
    assert "ValueError: why" in thread_line["error"]
    assert "DeprecationWarning: old" in warning["message"]
