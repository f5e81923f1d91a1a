import pytest

from server.cluster.directory import GRACE, LEASE, RAMP, TICKET, Directory, NotYet
from server.cluster.messages import Placement, Report

NOW = 10.0


class Servers:
    """A directory that has listened long enough, and servers that speak to it."""

    def __init__(self, *names: str, directory: Directory | None = None) -> None:
        self.directory = directory or Directory(0.0, clock=lambda: 1000.0)
        self.numbers: dict[str, int] = {}
        for name in names:
            self.renew(name)

    def renew(
        self,
        name: str,
        rooms: dict[str, tuple[int, str]] | None = None,
        *,
        now: float = NOW,
        used: float = 0.0,
        closed: dict[str, int] | None = None,
        draining: bool = False,
        people: int = 0,
    ) -> dict[str, int]:
        self.numbers[name] = self.numbers.get(name, 0) + 1
        report = Report(f"https://{name}", 4.0, used, rooms or {}, closed or {}, draining, people=people)
        return self.directory.renew(name, self.numbers[name], report, now=now)

    def place(self, room: str = "x", *, now: float = NOW, refused: int = 0) -> Placement:
        return self.directory.place(room, now=now, refused=refused)


@pytest.fixture
def servers() -> Servers:
    return Servers("a", "b")


def other(name: str) -> str:
    return {"a": "b", "b": "a"}[name]


def test_a_room_stays_where_it_is(servers: Servers) -> None:
    assert servers.place()[:3] == servers.place(now=NOW + LEASE - TICKET - 0.1)[:3]


def test_rooms_go_where_there_is_room(servers: Servers) -> None:
    servers.renew("a", used=3.0)
    assert servers.place().server == "b"


def test_a_rush_is_spread_though_figures_are_stale(servers: Servers) -> None:
    placed = [servers.place(f"r{i}").server for i in range(10)]
    assert placed.count("a") == placed.count("b") == 5


def test_who_has_come_is_counted_until_the_figures_show_it(servers: Servers) -> None:
    servers.renew("a", people=4)
    servers.renew("b", people=5)
    assert servers.place("x").server == "a"
    servers.renew("a", now=NOW + RAMP, people=4)
    servers.renew("b", now=NOW + RAMP, people=5)
    servers.renew("a", now=NOW + RAMP, people=4, used=0.1)
    assert servers.place("y", now=NOW + RAMP).server == "b"


def test_who_has_left_again_is_not_counted(servers: Servers) -> None:
    for people in (16, 0):
        servers.renew("a", people=people)
    servers.renew("b", people=1)
    assert servers.place().server == "a"


def test_a_rush_fills_a_server_before_its_figures_show_it(servers: Servers) -> None:
    for name in "ab":
        servers.renew(name, people=16)
    with pytest.raises(NotYet):
        servers.place()


def test_strangers_who_are_sent_and_refused_make_nothing_full(servers: Servers) -> None:
    """They need no token to be sent somewhere: a handful of them would keep everybody from beginning a room."""
    for k in range(200):
        servers.place(f"r{k}")
    servers.place("another")
    for name in "ab":
        servers.renew(name)
    assert {servers.place("x").server, servers.place("y").server} == {"a", "b"}


def test_full_servers_take_no_new_rooms_but_people(servers: Servers) -> None:
    room = servers.place()
    servers.renew("a", used=3.9)
    servers.renew("b", used=3.9)
    with pytest.raises(NotYet):
        servers.place("y")
    assert servers.place().server == room.server


def test_nobody_waits_for_servers_that_all_drain_but_for_one_that_has_yet_to_come(servers: Servers) -> None:
    directory = Directory(0.0, clock=lambda: 1000.0)
    with pytest.raises(NotYet) as waits:
        directory.place("x", now=NOW)
    assert (waits.value.seconds, waits.value.code) == (TICKET, "server-full")
    servers.renew("a", draining=True)
    assert servers.place().server == "b"
    servers.renew("b", draining=True)
    with pytest.raises(NotYet) as ends:
        servers.place()
    assert (ends.value.seconds, ends.value.code) == (float("inf"), "shutting-down")


def test_a_silent_server_keeps_its_rooms_for_its_lease(servers: Servers) -> None:
    room = servers.place()
    servers.renew(other(room.server), now=NOW + 3)
    for late in (LEASE - TICKET, LEASE - 0.01):
        with pytest.raises(NotYet) as waiting:
            servers.place(now=NOW + late)
        assert waiting.value.seconds == pytest.approx(LEASE - late)
    moved = servers.place(now=NOW + LEASE)
    assert moved.server == other(room.server)
    assert moved.epoch > room.epoch


def test_a_server_that_has_ended_loses_its_rooms_at_once(servers: Servers) -> None:
    room = servers.place()
    servers.directory.lost(room.server, now=NOW)
    moved = servers.place()
    assert moved.server == other(room.server)
    assert moved.epoch > room.epoch


def test_moves_are_told_and_new_rooms_are_not(servers: Servers) -> None:
    room = servers.place()
    assert servers.directory.moves(0) == []
    servers.directory.lost(room.server, now=NOW)
    moved = servers.place()
    assert servers.directory.moves(0) == [(moved.epoch, "x", moved.server, "ended")]
    assert servers.directory.moves(moved.epoch) == []


def test_the_state_comes_along_until_the_new_server_shows_it(servers: Servers) -> None:
    room = servers.place()
    servers.renew(room.server, {"x": (room.epoch, "locked")})
    assert servers.place().state is None
    servers.directory.lost(room.server, now=NOW)
    moved = servers.place()
    assert moved.state == servers.place().state == "locked"
    servers.renew(moved.server, {"x": (moved.epoch, "locked")})
    assert servers.place().state is None


def test_a_state_that_was_heard_is_not_said_again(servers: Servers) -> None:
    room = servers.place()
    assert servers.renew(room.server, {"x": (room.epoch, "locked")}) == {}
    assert servers.renew(room.server, {"x": (room.epoch, "")}) == {}
    servers.directory.lost(room.server, now=NOW)
    assert servers.place().state == "locked"


@pytest.mark.parametrize("begun", [0.0, NOW])
def test_a_state_that_is_missing_is_asked_for(begun: float) -> None:
    """While a new directory listens, and later."""
    servers = Servers("a", "b", directory=Directory(begun, clock=lambda: 1000.0))
    (epoch,) = (servers.renew("a", {"x": (5, "")}, now=NOW) or {"x": 0}).values()
    assert epoch >= 5
    assert servers.renew("a", {"x": (epoch, "locked")}, now=NOW) == {}
    later = NOW + LEASE
    servers.renew("b", now=later)
    servers.directory.lost("a", now=later)
    assert servers.place(now=later).state == "locked"


def test_an_old_owner_that_comes_back_is_told(servers: Servers) -> None:
    room = servers.place()
    servers.renew(other(room.server), now=14)
    moved = servers.place(now=14)
    assert servers.renew(room.server, {"x": (room.epoch, "")}, now=15) == {"x": -moved.epoch}
    assert servers.renew(moved.server, {"x": (moved.epoch, "locked")}, now=15) == {}


def test_a_renewal_that_was_overtaken_says_nothing(servers: Servers) -> None:
    room = servers.place()
    servers.renew(room.server, {"x": (room.epoch, "new")}, used=1.0)
    servers.numbers[room.server] -= 1
    assert servers.renew(room.server, {"x": (room.epoch - 1, "")}) == {}
    servers.directory.lost(room.server, now=NOW)
    assert servers.place().state == "new"


def test_a_new_directory_listens_before_it_decides() -> None:
    servers = Servers()
    assert servers.renew("a", {"x": (5, "locked")}, now=0.5) == {}
    for name in ("x", "new"):
        with pytest.raises(NotYet):
            servers.place(name, now=LEASE - 0.1)
    servers.renew("a", {"x": (5, "")}, now=LEASE - 0.1)
    room = servers.place(now=LEASE)
    assert room.server == "a"
    assert servers.place("new", now=LEASE).epoch > room.epoch > 5
    assert servers.renew("a", {"x": (5, "")}, now=LEASE + 0.1) == {"x": room.epoch}


def test_a_new_directory_gives_a_room_to_the_highest_epoch() -> None:
    servers = Servers()
    for name, epoch in (("b", 5), ("a", 8), ("b", 5)):
        servers.renew(name, {"x": (epoch, "")}, now=2.0)
    room = servers.place(now=LEASE)
    assert room.server == "a"
    assert servers.renew("b", {"x": (5, "")}, now=LEASE) == {"x": -room.epoch}


def test_a_new_directory_forgets_what_closes_while_it_listens() -> None:
    servers = Servers()
    servers.renew("a", {"x": (5, "locked")}, now=1.0)
    servers.renew("a", closed={"x": 5}, now=2.0)
    servers.renew("a", now=LEASE)
    assert servers.place(now=LEASE).state is None


def test_a_new_directory_outranks_an_owner_that_was_cut_off() -> None:
    before = Servers("a").place()
    after = Servers(directory=Directory(0.0, clock=lambda: 1010.0))
    after.renew("b", now=LEASE)
    room = after.place(now=LEASE)
    assert room.epoch > before.epoch
    assert after.renew("a", {"x": (before.epoch, "")}, now=4) == {"x": -room.epoch}


@pytest.mark.parametrize("when", [1.0, LEASE + 1])
def test_epochs_grow_though_the_clock_was_set_back(when: float) -> None:
    servers = Servers(directory=Directory(0.0, clock=lambda: 0.0))
    servers.renew("a", now=LEASE)
    servers.place(now=LEASE)
    servers.renew("b", {"x": (7_000, "")}, now=when)
    assert servers.place("y", now=LEASE + 1).epoch > 7_000
    assert servers.renew("b", {"x": (7_000, "")}, now=LEASE + 1)["x"] < -7_000 or when < LEASE


def test_a_draining_server_gets_no_rooms_and_gives_its_own_away(servers: Servers) -> None:
    room = servers.place()
    servers.renew(room.server, {"x": (room.epoch, "")}, draining=True)
    assert {servers.place(f"{i}").server for i in range(5)} == {other(room.server)}
    assert servers.place().server == other(room.server)


def test_nobody_is_sent_to_a_draining_server_though_there_is_no_other() -> None:
    servers = Servers("a")
    room = servers.place()
    servers.renew("a", {"x": (room.epoch, "")}, draining=True)
    with pytest.raises(NotYet):
        servers.place()


def test_a_room_that_was_closed_is_new(servers: Servers) -> None:
    room = servers.place()
    servers.renew(room.server, {"x": (room.epoch, "locked")})
    servers.renew(room.server, closed={"x": room.epoch})
    again = servers.place()
    assert again.state is None
    assert again.epoch > room.epoch
    servers.renew(room.server, closed={"x": room.epoch})
    assert servers.place().epoch == again.epoch


def test_a_placement_that_was_refused_gets_another_epoch(servers: Servers) -> None:
    room = servers.place()
    again = servers.place(refused=room.epoch)
    assert again.epoch > room.epoch
    assert again.server == room.server
    assert servers.place(refused=room.epoch).epoch == again.epoch


def test_finding_places_nothing(servers: Servers) -> None:
    assert servers.directory.find("x", now=NOW) is None
    room = servers.place()
    assert servers.directory.find("x", now=NOW) == room
    assert servers.directory.find("x", now=NOW + LEASE) is None


def test_what_nobody_came_into_is_forgotten(servers: Servers) -> None:
    servers.place()
    for now in (NOW + LEASE, NOW + 2 * LEASE):
        servers.renew("a", now=now)
        servers.renew("b", now=now)
    assert servers.directory.snapshot(now=NOW + 2 * LEASE)["rooms"] == 0


def test_what_nobody_came_back_to_is_forgotten(servers: Servers) -> None:
    room = servers.place()
    servers.renew(room.server, {"x": (room.epoch, "locked")})
    servers.directory.lost(room.server, now=NOW + 1)
    servers.renew(other(room.server), now=NOW + GRACE)
    assert servers.directory.snapshot(now=NOW + GRACE)["rooms"] == 1
    servers.renew(other(room.server), now=NOW + GRACE + LEASE)
    assert servers.directory.snapshot(now=NOW + GRACE + LEASE)["rooms"] == 0


def test_status_counts_rooms_and_names_none(servers: Servers) -> None:
    servers.place("secret")
    shown = servers.directory.snapshot(now=NOW)
    assert sum(server["rooms"] for server in shown["servers"]) == 1
    assert "secret" not in str(shown)
