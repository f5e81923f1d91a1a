"""What Linux tells of processes on this machine."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path


def processes() -> list[int]:
    """Return every process id."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def children(pid: int) -> list[int]:
    """Return the processes below one, the nearest first."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(path.parent.name))
    found, queue = list[int](), [pid]
    while queue:
        below = parents.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def command_line(pid: int) -> str:
    """Return what a process was started as; empty for one that has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def media_sockets(pid: int) -> int:
    """Return how many UDP sockets a process has: a server without people has none."""
    tables = (Path(f"/proc/{pid}/net/{name}") for name in ("udp", "udp6"))
    lines = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    inodes = {fields[9] for fields in lines}
    found = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            socket = re.fullmatch(r"socket:\[(\d+)\]", str(file.readlink()))
            found += socket is not None and socket[1] in inodes
    return found
