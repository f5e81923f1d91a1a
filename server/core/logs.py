"""Logging to standard error, as text or as one JSON object a line, without anything about persons.

Our own messages hold ids only. Those of the libraries would hold addresses and session descriptions, so only their
warnings are kept, and of what aiohttp says about a request only where it failed. What nobody catches is logged, too.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType

from server.core.log_limit import LogLimit

logger = logging.getLogger(__name__)

LIBRARIES = ("aioice", "aiortc", "aiohttp", "asyncio", "libav")
UNREADABLE = ("aiohttp.http_exceptions", "aiohttp.web_protocol")
"""Where the errors are from that say what is wrong with the text of a request."""
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """One object a line: time (ISO 8601, UTC), level, logger, message and, for exceptions, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class RequestFailed(Exception):
    """Stands for an error in a request; the message is its type, because its own may quote the request."""


def without_request(record: logging.LogRecord) -> bool:
    """Take out of a record of aiohttp whom it is about and what they sent; drop it where nothing is left."""
    if not record.name.startswith("aiohttp."):
        return True
    kind, _, trace = record.exc_info or (None, None, None)
    if kind is None or kind.__module__ in UNREADABLE or issubclass(kind, ConnectionError):
        return False  # the last is a client that went away in the middle of its request
    record.msg, record.args, record.exc_text = "a request failed", (), None
    record.exc_info = RequestFailed, RequestFailed(kind.__name__), trace
    return True


def configure_logging(log_format: str, log_level: str) -> None:
    """Set up the root logger of this process; see Config for what the words may be."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else logging.Formatter(TEXT))
    handler.addFilter(without_request)
    handler.addFilter(LogLimit())
    logging.basicConfig(handlers=[handler], level=log_level.upper(), force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logger.critical("this process ends: nobody caught an error", exc_info=(kind, error, trace))


def _uncaught_in_thread(about: threading.ExceptHookArgs) -> None:
    name = about.thread.name if about.thread is not None else "?"
    if about.exc_value is not None and not issubclass(about.exc_type, SystemExit):
        trace = about.exc_type, about.exc_value, about.exc_traceback
        logger.error("the thread %s ends: nobody caught an error", name, exc_info=trace)
