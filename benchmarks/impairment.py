"""A bad network in user space: two network namespaces, joined by TUN devices and a loop that delays and drops.

For Linux as root, with iproute2 and /dev/net/tun. It needs nothing of the kernel's own network emulator (netem), which
many kernels lack. What is on the wire is what it acts on, so that a sender's congestion control sees it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000  # linux/if_tun.h
CLONE_NEWNET = 0x40000000  # linux/sched.h
DEVICE = "greenroom"
MTU = 1500  # bytes; Ethernet's, RFC 894
HELD_BACK = 0.03
"""Seconds that a packet is late when it is overtaken; chosen."""
IDLE = 0.2  # longest seconds without a look at whether the line is to be closed; chosen


class NoNamespacesError(Exception):
    """Network namespaces or TUN devices can't be made here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """What happens to the packets of one direction. Probabilities in [0, 1], times in seconds."""

    delay: float = 0.0
    jitter: float = 0.0
    """Of the delay, uniform, ±; packets stay in order."""
    loss: float = 0.0
    burst: float = 1.0
    """Packets lost in a row, on average (Gilbert's model); 1 is independent loss."""
    duplicate: float = 0.0
    reorder: float = 0.0
    """Share of packets that are held back, so that the next ones overtake them."""
    rate: float = 0.0
    """bit/s; 0 is no limit."""
    queue: float = 0.2
    """Seconds of packets that may wait because of the rate; more are dropped."""


BLACKOUT = Impairment(loss=1.0)  # every packet


class Line:
    """One direction: packets go in as they come and come out when they are due. Pure: time is passed in."""

    def __init__(self, impairment: Impairment, seed: int = 1) -> None:
        self.impairment = impairment
        self.sent = 0
        self.dropped = 0
        self._random = random.Random(seed)
        self._numbers = itertools.count()
        self._queue: list[tuple[float, int, bytes]] = []
        self._free = 0.0
        self._ordered = 0.0
        self._losing = False

    @property
    def next_due(self) -> float | None:
        """When the next packet comes out."""
        return self._queue[0][0] if self._queue else None

    def put(self, packet: bytes, now: float) -> None:
        """Take a packet that was sent at `now` seconds."""
        state = self.impairment
        start = self._serialise(len(packet), now)
        if start is None or self._lost():
            self.dropped += 1
            return
        due = start + state.delay + self._random.uniform(-state.jitter, state.jitter)
        if self._random.random() < state.reorder:
            self._push(due + HELD_BACK, packet)
            return
        self._ordered = due = max(due, self._ordered)
        for _ in range(1 + (self._random.random() < state.duplicate)):
            self._push(due, packet)

    def take(self, now: float) -> list[bytes]:
        """Return the packets that are due."""
        packets = []
        while self._queue and self._queue[0][0] <= now:
            packets.append(heapq.heappop(self._queue)[2])
        self.sent += len(packets)
        return packets

    def _push(self, due: float, packet: bytes) -> None:
        heapq.heappush(self._queue, (due, next(self._numbers), packet))

    def _serialise(self, size: int, now: float) -> float | None:
        """Return when a packet of so many bytes is on the wire; None when the queue before it is full."""
        if not self.impairment.rate:
            return now
        if self._free - now > self.impairment.queue:
            return None
        self._free = max(self._free, now) + size * 8 / self.impairment.rate
        return self._free

    def _lost(self) -> bool:
        loss, burst = self.impairment.loss, self.impairment.burst
        if burst <= 1 or loss >= 1:
            return self._random.random() < loss
        change = 1 / burst if self._losing else loss / (1 - loss) / burst
        if self._random.random() < change:
            self._losing = not self._losing
        return self._losing


class Namespace:
    """A network namespace with one address."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs a command in here."""
        return ["ip", "netns", "exec", self.name, *words]

    def executable(self, folder: Path, program: str) -> Path:
        """Write a script that runs a program in here; return its path."""
        path = folder / f"{self.name}-{Path(program).name}"
        path.write_text(f'#!/bin/sh\nexec ip netns exec {self.name} {program} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    def enter(self) -> None:
        """Move this thread into the namespace."""
        with Path("/run/netns", self.name).open("rb") as file:
            _set_namespace(file.fileno())

    def open_tun(self) -> int:
        """Return a non-blocking TUN device of the namespace that this thread is in."""
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        return tun


class Network:
    """Two namespaces, `server` and `client`, and the lines between them: `up` to the server, `down` to the client.

    Impairments can be changed while it runs: `network.up.impairment = …`. Leave it after everything in it has ended.
    """

    def __init__(self, up: Impairment, down: Impairment) -> None:
        number = os.getpid() % 200
        self.server = Namespace(f"greenroom-{os.getpid()}-server", f"10.77.{number}.1")
        self.client = Namespace(f"greenroom-{os.getpid()}-client", f"10.77.{number}.2")
        self.up, self.down = Line(up, seed=1), Line(down, seed=2)
        self._ended = threading.Event()
        self._opened = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)

    def __enter__(self) -> Self:
        expect_namespaces()
        for space in (self.server, self.client):
            _ip("netns", "add", space.name)
        try:
            self._thread.start()
            self._opened.wait(10)
            if self._error is not None:
                raise NoNamespacesError(f"TUN devices can't be made: {self._error}")
            self._configure()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(5)
        for space in (self.server, self.client):
            _ip("netns", "delete", space.name)

    def impair(self, up: Impairment, down: Impairment | None = None) -> None:
        """Change both directions; both are the same when only one is given."""
        self.up.impairment = up
        self.down.impairment = up if down is None else down

    def _configure(self) -> None:
        for space, other in ((self.server, self.client), (self.client, self.server)):
            _ip("-n", space.name, "address", "add", space.address, "peer", other.address, "dev", DEVICE)
            _ip("-n", space.name, "link", "set", DEVICE, "mtu", str(MTU), "up")
            _ip("-n", space.name, "link", "set", "lo", "up")

    def _run(self) -> None:
        tuns: list[int] = []
        try:
            for space in (self.server, self.client):
                space.enter()
                tuns.append(space.open_tun())
        except OSError as error:
            self._error = error
        self._opened.set()
        if self._error is None:
            self._forward(*tuns)
        for tun in tuns:
            os.close(tun)

    def _forward(self, server: int, client: int) -> None:
        routes = ((server, self.down, client), (client, self.up, server))
        while not self._ended.is_set():
            due = [line.next_due for _, line, _ in routes]
            now = time.monotonic()
            wait = min([IDLE, *(when - now for when in due if when is not None)])
            select.select([server, client], [], [], max(0.0, wait))
            for source, line, target in routes:
                self._read(source, line)
                for packet in line.take(time.monotonic()):
                    with contextlib.suppress(OSError):  # the device is not up yet, or its queue is full
                        os.write(target, packet)

    @staticmethod
    def _read(source: int, line: Line) -> None:
        with contextlib.suppress(OSError):  # nothing more to read
            while True:
                line.put(os.read(source, 65536), time.monotonic())


def expect_namespaces() -> None:
    """Raise NoNamespacesError where no network can be made."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise NoNamespacesError("network namespaces need root")
    if shutil.which("ip") is None:
        raise NoNamespacesError("`ip` is missing (Debian: apt-get install iproute2)")
    if not Path("/dev/net/tun").exists():
        raise NoNamespacesError("/dev/net/tun is missing")


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespacesError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _set_namespace(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
