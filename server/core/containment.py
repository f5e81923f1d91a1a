"""Keeps an error of one room or session from those of everybody else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Log an error that the loop around this block must survive; `what` says where."""
    try:
        yield
    except Exception:
        logger.exception("%s fails", what)
