"""The folders that a server is to write into, looked at before anybody relies on them."""

from __future__ import annotations

import os

from server.config.options import Config
from server.core.errors import ConfigError


def check_folders(config: Config) -> None:
    """Raise ConfigError where recordings or receipts are wanted in a folder that can't be written into, or made."""
    for name, folder in (("recordings", config.recordings), ("receipts", config.receipts)):
        if folder is None:
            continue
        there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
        if not there.is_dir():
            raise ConfigError(f"{name} {folder}: {there} is not a folder")
        if not os.access(there, os.W_OK | os.X_OK):
            raise ConfigError(f"{name} {folder}: no permission to write into {there}")
