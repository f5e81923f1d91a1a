"""Logging to standard error, as text or as one JSON object a line, without anything about persons.

Our own messages hold ids only. Those of the libraries would hold addresses and session descriptions, so only their
warnings are kept.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

LIBRARIES = ("aioice", "aiortc", "aiohttp", "asyncio", "libav")
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


def configure_logging(log_format: str, log_level: str) -> None:
    """Set up the root logger of this process; see Config for what the words may be."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else logging.Formatter(TEXT))
    logging.basicConfig(handlers=[handler], level=log_level.upper(), force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
