"""The event loop of targets that need one."""

from __future__ import annotations

import asyncio
from functools import cache


@cache
def runner() -> asyncio.Runner:
    return asyncio.Runner()
