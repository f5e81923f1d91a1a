"""The error of everything that reads, filters or writes a file."""

from __future__ import annotations

from filters.base import FilterError


class MediaError(FilterError):
    """A file can't be read, filtered or written; the message is one line for whoever named the file."""
