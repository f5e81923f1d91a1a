"""Whatever is delayed, lost, cut off, killed or restarted: nobody comes into a room under an older epoch."""

import random
from collections.abc import Callable

import pytest

from server.cluster import directory as module
from server.cluster.directory import TICKET, Directory, NotYet
from server.cluster.lease import Lease
from server.cluster.messages import Report

WORLDS, STEPS, STEP = 400, 1200, 0.05  # each world lives for a minute
DELAYS = (0.0, 0.01, 0.1, 0.5, 2.0)  # seconds


class Server:
    """One process: a server that is started again has another name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lease = Lease()
        self.cut = False


class World:
    """Servers, a directory and a front in simulated time."""

    def __init__(self, seed: int) -> None:
        self.random, self.now = random.Random(seed), 100.0
        self.directory = self.begin()
        self.servers = {place: Server(place + "0") for place in "abc"}
        self.mail: list[tuple[float, Callable[[], None]]] = []
        self.latest: dict[str, int] = {}
        self.entered = 0
        self.broken = False

    def begin(self) -> Directory:
        return Directory(self.now, clock=lambda: 5000.0 + self.now)

    def later(self, action: Callable[[], None]) -> None:
        if self.random.random() > 0.1:
            self.mail.append((self.now + self.random.choice(DELAYS), action))

    def renew(self, server: Server) -> None:
        number = server.lease.send(self.now)
        rooms = {room: (epoch, "") for room, epoch in server.lease.epochs.items()}
        report = Report(server.name, 64.0, 0.0, rooms, server.lease.closed, server.lease.draining)

        def arrive() -> None:
            changed = self.directory.renew(server.name, number, report, now=self.now)
            if not server.cut:
                self.later(lambda: self.answer(server, number, changed))

        if not server.cut:
            self.later(arrive)

    def answer(self, server: Server, number: int, changed: dict[str, int]) -> None:
        server.lease.answered(number, changed, self.now)

    def knock(self, room: str, refused: int = 0) -> None:
        """Somebody asks for a room; who is cut off from the directory still hears newcomers."""

        def placed() -> None:
            try:
                placement = self.directory.place(room, now=self.now, refused=refused)
            except NotYet:
                return
            self.later(lambda: self.enter(room, *placement[:1], *placement[2:4]))

        self.later(placed)

    def enter(self, room: str, name: str, epoch: int, renewal: int) -> None:
        server = next((s for s in self.servers.values() if s.name == name), None)
        if server is None:
            return
        if server.lease.admits(room, epoch, renewal, self.now):
            self.entered += 1
            self.broken |= epoch < self.latest.get(room, 0)
            self.latest[room] = max(epoch, self.latest.get(room, 0))
        else:
            self.knock(room, epoch)

    def fail(self, place: str) -> None:
        server, chance = self.servers[place], self.random.random()
        if chance < 0.005:
            server.cut = not server.cut
        elif chance < 0.006:
            server.lease.draining = True
        elif chance < 0.007:
            self.servers[place] = Server(f"{place}{self.now}")
            self.later(lambda: self.directory.lost(server.name, now=self.now))
        elif chance < 0.02 and server.lease.epochs:
            server.lease.close(self.random.choice(list(server.lease.epochs)), self.now)

    def step(self) -> None:
        self.now += STEP
        due = [action for when, action in self.mail if when <= self.now]
        self.mail = [m for m in self.mail if m[0] > self.now]
        for action in due:
            action()
        for place, server in list(self.servers.items()):
            if self.random.random() < 0.1:
                self.renew(server)
            self.fail(place)
        if self.random.random() < 0.2:
            self.knock(self.random.choice("xyz"))
        if self.random.random() < 0.002:
            self.directory = self.begin()


def live(seed: int) -> World:
    world = World(seed)
    for _ in range(STEPS):
        world.step()
    return world


@pytest.mark.parametrize("tens", range(WORLDS // 10))
@pytest.mark.slow
def test_nobody_comes_in_under_an_older_epoch(tens: int) -> None:
    worlds = [live(seed) for seed in range(10 * tens, 10 * tens + 10)]
    assert [world.broken for world in worlds] == [False] * 10
    assert all(world.entered for world in worlds)


def test_it_takes_the_margin_between_the_last_ticket_and_a_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms that move as soon as no tickets are given any more meet newcomers who still hold some."""
    monkeypatch.setattr(module._KnownServer, "gone", lambda server, now: not server.takes(now))
    assert any(live(seed).broken for seed in range(WORLDS))


@pytest.mark.slow
def test_it_takes_the_time_in_which_a_new_directory_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Directory, "_listens", lambda directory, now: now < directory._begun + TICKET)
    assert any(live(seed).broken for seed in range(WORLDS))
