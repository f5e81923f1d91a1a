"""Whether a room is recorded: who may start and stop that, and that everybody is told."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

from server.access.policy import RoomPolicy
from server.access.tokens import OPEN, Grant
from server.config.interpreter import python_command, python_environment
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import Message, error_message
from server.media.recording.recorder import Recorder
from server.rooms.participant import Participant

logger = logging.getLogger(__name__)

End: TypeAlias = Literal["stopped", "policy", "ended", "error"]
UNSAFE = re.compile(r"[^a-z0-9_-]")
COMPOSED = "room.mp4"
COMPLAINT = "greenroom: "
"""What a command's line about something wrong begins with."""
LOWEST_PRIORITY = 19  # nice value, setpriority(2)

_composing = asyncio.Semaphore(1)
"""Composing is for idle cores: one recording at a time."""


class Recording:
    """One room's recordings, of which at most one goes on. `tell` reaches everybody, in the lobby too."""

    def __init__(
        self,
        room: str,
        config: Config,
        tell: Callable[[Message], None],
        tell_hosts: Callable[[Message], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._room = room
        self._config = config
        self._tell = tell
        self._tell_hosts = tell_hosts
        self._spawn = spawn
        self._recorder: Recorder | None = None
        self._by: str | None = None
        self._grant = OPEN
        self._ending: set[Recorder] = set()

    @property
    def state(self) -> dict[str, Any] | None:
        """Return the Recording of the protocol, None while there is none."""
        return None if self._recorder is None else {"since": self._recorder.since, "by": self._by}

    def permission(self, grant: Grant) -> str:
        """Tell what the holder of a grant, as a host, may do: `off`, `policy` (as that says) or `allowed`."""
        if self._config.recordings is None or grant.recording is False:
            return "off"
        return "allowed" if grant.recording else "policy"

    def start(self, policy: RoomPolicy, grant: Grant, by: str | None, members: Iterable[Participant]) -> None:
        """Record everybody in the room; nothing happens while that goes on already.

        Raises SignalingError recording-off, recording-forbidden.
        """
        if self._config.recordings is None:
            raise SignalingError("recording-off", "This server does not record.")
        if not grant.restrict(policy).recording:
            raise SignalingError("recording-forbidden", "Recording is not allowed in this room.")
        if self._recorder is not None:
            return
        loop, config = asyncio.get_running_loop(), self._config
        folder = folder_for(self._config.recordings, self._room)

        def failed(error: Exception) -> None:
            loop.call_soon_threadsafe(lambda: self._failed(recorder, error))

        recorder = Recorder(folder, self._room, (config.width, config.height), failed)
        self._recorder, self._by, self._grant = recorder, by, grant
        logger.info("recording %s begins", _id(folder))
        self._tell({"type": "recording", "recording": self.state, "reason": None})
        for participant in members:
            self.add(participant)

    def add(self, participant: Participant) -> None:
        """Record somebody who has entered, if the room is recorded."""
        if self._recorder is not None:
            self._recorder.add(participant.id, participant.name, participant.video, participant.audio)

    def remove(self, participant: Participant) -> None:
        """Record somebody no more."""
        if self._recorder is not None:
            self._recorder.remove(participant.id)

    def obey(self, policy: RoomPolicy) -> None:
        """Stop when the policy has come to forbid it."""
        if not self._grant.restrict(policy).recording:
            self.stop("policy")

    def stop(self, reason: End) -> None:
        """Stop, if the room is recorded, and tell why; what is left to write is written meanwhile."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        recorder.stop()
        self._ending.add(recorder)
        self._tell({"type": "recording", "recording": None, "reason": reason})
        logger.info("recording %s ends (%s)", _id(recorder.folder), reason)
        self._spawn(self._finish(recorder))

    async def close(self) -> None:
        """Stop, and wait until all is on the disk."""
        self.stop("ended")
        await asyncio.gather(*(asyncio.to_thread(recorder.join) for recorder in self._ending))

    def _failed(self, recorder: Recorder, error: Exception) -> None:
        if isinstance(error, OSError):
            words, trace = error.strerror or str(error), None  # its path would name the room
        else:
            words, trace = "a defect of the server", error
        logger.error("recording %s fails: %s", _id(recorder.folder), words, exc_info=trace)
        if recorder is self._recorder:
            self.stop("error")
            failed = SignalingError("recording-failed", f"The recording has ended: {words}.")
            self._tell_hosts(error_message(failed))

    async def _finish(self, recorder: Recorder) -> None:
        await asyncio.to_thread(recorder.join)
        self._ending.discard(recorder)
        if self._config.compose:
            await compose_apart(recorder.folder)


def folder_for(recordings: Path, room: str) -> Path:
    """Return a new folder's name, which can't lead anywhere else whatever the room is called."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return recordings / f"{stamp}-{UNSAFE.sub('_', room)[:64]}-{secrets.token_hex(4)}"


def _id(folder: Path) -> str:
    """Return what logs may say: not the room's name."""
    return folder.name.rpartition("-")[2]


async def compose_apart(folder: Path) -> None:
    """Make one film of a recording beside it, in a process that gives way to everything else."""
    command = python_command("server", "compose", str(folder), str(folder / COMPOSED))
    async with _composing:
        process = await asyncio.create_subprocess_exec(
            *command, stderr=asyncio.subprocess.PIPE, env=python_environment()
        )
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, LOWEST_PRIORITY)
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
    for line in said.decode(errors="replace").splitlines():
        if line.startswith(COMPLAINT):  # with the folder, whose name holds the room's
            told = line.removeprefix(COMPLAINT).replace(folder.name, _id(folder))
            logger.warning("recording %s: %s", _id(folder), told)
    if process.returncode:
        logger.error("recording %s could not be composed: status %d", _id(folder), process.returncode)
