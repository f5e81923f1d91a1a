"""A browser's process, started with an address of its own that it tells on standard error."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence

START_TIMEOUT = 60.0  # seconds


@contextlib.asynccontextmanager
async def launched(
    command: Sequence[str], told: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Run a browser; the context is the first group of the pattern `told`. Raises RuntimeError if it ends first."""
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, env=environment
    )
    reading: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(START_TIMEOUT):
            endpoint = await _endpoint(process, told)
        reading = asyncio.create_task(_discard(process))
        yield endpoint
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        if reading is not None:
            await reading


async def _endpoint(process: asyncio.subprocess.Process, told: str) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        found = re.search(told, line.decode())
        if found:
            return found[1]
    raise RuntimeError(f"the browser ended with status {await process.wait()}")


async def _discard(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async for _ in process.stderr:
        pass
