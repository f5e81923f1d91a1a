"""Who has a seat, who gives way, and who may come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from filters.matting.segmenter import Segmenter
from server.access.policy import OPAQUE, RoomPolicy
from server.access.tokens import Grant, Key, make_token
from server.config.options import Config
from server.core.errors import SignalingError
from server.http.quota import Quota
from server.rooms.admission import MAX_BANS, Bans, Viewer, Viewers
from server.rooms.room_state import describe
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined

SECRET = "north-" * 6
CAPACITY = 3


@pytest.fixture
def config() -> Config:
    return Config(workers=1, max_participants=CAPACITY, max_rooms=2)


@pytest.fixture
def guarded(config: Config) -> Config:
    return config.replace(token_keys={"a": SECRET})


def token(**claims: str) -> str:
    return make_token(Key("a", "HS256", SECRET), Grant("studio", **claims), 60)  # type: ignore[arg-type]


async def lost(guest: Guest) -> None:
    """Break somebody's connection; the seat is held."""
    await guest.session.end()


def people(rooms: Rooms, room: str = "studio") -> list[str]:
    found = rooms.open_rooms.get(room)
    return [] if found is None else [m.participant.name for m in found.memberships]


async def refused(rooms: Rooms, name: str, **fields: object) -> str:
    with pytest.raises(SignalingError) as error:
        await joined(rooms, name, **fields)
    return error.value.code


@pytest.mark.parametrize("claims", [{}, {"token": "jti:i1"}, {"identity": "mallory"}])
async def test_a_removal_holds_in_a_room_that_has_moved(
    guarded: Config, segmenter: Segmenter, claims: dict[str, str]
) -> None:
    """Whatever the token is known by, also of who came there before."""
    host, guest = token(identity="ada", role="host"), token(role="guest", **claims)
    here, there = Rooms(guarded, segmenter), Rooms(guarded, segmenter)
    ada = await joined(here, "Ada", token=host)
    mallory = await joined(here, "Mallory", token=guest)
    there.restore("studio", json.loads(json.dumps(describe(ada.session.membership.room))))
    ada = await joined(there, "Ada", seat=ada.last("joined")["seat"])
    mallory = await joined(there, "Mallory", seat=mallory.last("joined")["seat"])
    assert mallory.session.membership.participant.grant.expires is not None
    await ada.ask("remove", participant=mallory.id)
    assert await refused(there, "Mallory", token=guest) == "removed"
    await here.close()
    await there.close()


async def test_people_come_back_into_a_room_that_has_moved_though_somebody_of_their_link_was_removed(
    guarded: Config, segmenter: Segmenter
) -> None:
    """And who was removed, or is, does not."""
    host, link = token(identity="ada", role="host"), token(role="guest", token="jti:i1")
    here, there = Rooms(guarded, segmenter), Rooms(guarded, segmenter)
    ada, bob = await joined(here, "Ada", token=host), await joined(here, "Bob", token=link)
    mallory = await joined(here, "Mallory", token=link)
    await ada.ask("remove", participant=mallory.id)
    other = token(role="guest", token="jti:i2")
    eve = await joined(here, "Eve", token=other)
    there.restore("studio", json.loads(json.dumps(describe(ada.session.membership.room))))
    ada = await joined(there, "Ada", seat=ada.last("joined")["seat"])
    again = await joined(there, "Bob", seat=bob.last("joined")["seat"])
    assert again.seen(again)["role"] == "guest"
    seat = mallory.last("joined")["seat"]
    assert await refused(there, "Mallory", token=link, seat=seat) == "removed"
    twin = await joined(there, "Eve", token=other)
    await ada.ask("remove", participant=twin.id)
    assert await refused(there, "Eve", token=other, seat=eve.last("joined")["seat"]) == "removed"
    await here.close()
    await there.close()


async def test_a_room_that_has_moved_shows_a_colour_where_the_hosts_picture_was(
    config: Config, segmenter: Segmenter
) -> None:
    """Pictures do not move along, and what hides as much is not left out."""
    here, there = Rooms(config, segmenter), Rooms(config, segmenter)
    ada = await joined(here, "Ada")
    room = ada.session.membership.room
    room.roster.policy = RoomPolicy(backgrounds=("upload:x",))
    there.restore("studio", json.loads(json.dumps(describe(room))))
    again = await joined(there, "Ada", seat=ada.last("joined")["seat"], background="upload:x")
    assert again.background == OPAQUE
    assert await again.refused("background", background="blur") == "background-forbidden"
    await here.close()
    await there.close()


class TestHeldSeats:
    """A held seat is a courtesy, and gives way where all are taken."""

    @pytest.mark.parametrize("preview", [True, False])
    @pytest.mark.slow
    async def test_it_gives_way_in_lobby_and_room(self, rooms: Rooms, preview: bool) -> None:
        for i in range(10 * CAPACITY):
            ghost = await joined(rooms, f"Ghost {i}", preview=preview)
            await lost(ghost)
        ada = await joined(rooms, "Ada", preview=True)
        await ada.ask("enter")
        assert "Ada" in people(rooms)
        assert len(rooms.open_rooms.all()[0].members) <= CAPACITY

    async def test_somebody_who_is_connected_does_not(self, rooms: Rooms) -> None:
        for i in range(CAPACITY):
            await joined(rooms, f"Here {i}")
        assert await refused(rooms, "Ada") == "room-full"

    async def test_a_deserted_room_gives_way_to_another(self, rooms: Rooms) -> None:
        for i in range(5):
            await lost(await joined(rooms, "Ghost", room=f"ghosts-{i}"))
        await joined(rooms, "Ada", room="attic")
        assert people(rooms, "attic") == ["Ada"]
        await joined(rooms, "Bob", room="cellar")
        assert await refused(rooms, "Eve", room="hall") == "server-full"

    async def test_it_counts_for_its_address(self, rooms: Rooms) -> None:
        quota = Quota(1)
        ghost = await joined(rooms, "Ghost")
        give_back = quota.take("192.0.2.1")
        await lost(ghost)
        ghost.session.keep(give_back)
        with pytest.raises(SignalingError):
            quota.take("192.0.2.1")
        again = await joined(rooms, "Ghost", seat=ghost.last("joined")["seat"])
        again.session.keep(quota.take("192.0.2.1"))
        quota.take("192.0.2.1")()
        await again.ask("leave")
        await again.session.end()
        quota.take("192.0.2.1")()


class TestOneToken:
    """What one token can take."""

    @pytest.fixture
    def config(self, guarded: Config) -> Config:
        return guarded.replace(max_participants=8)

    @pytest.mark.slow
    async def test_one_identity_has_one_place(self, rooms: Rooms) -> None:
        one = token(identity="mallory")
        first = await joined(rooms, "x", token=one, preview=True)
        for _ in range(20):
            await joined(rooms, "x", token=one, preview=True)
        assert len(people(rooms)) == 1
        assert (first.last("error")["code"], first.last("error")["fatal"]) == ("replaced", True)

    async def test_an_invitation_takes_its_share_of_the_lobby(self, rooms: Rooms) -> None:
        shared = token()
        for _ in range(2):
            await joined(rooms, "x", token=shared, preview=True)
        assert await refused(rooms, "x", token=shared, preview=True) == "too-many-connections"
        await joined(rooms, "Ada", token=token(identity="ada"))
        assert people(rooms) == ["x", "x", "Ada"]

    @pytest.mark.slow
    async def test_a_full_lobby_keeps_no_host_out(self, rooms: Rooms) -> None:
        for i in range(8):
            await joined(rooms, "x", token=token(identity=f"x{i}"), preview=True)
        assert await refused(rooms, "Ada", token=token(identity="ada")) == "room-full"
        host = await joined(rooms, "Host", token=token(identity="host", role="host"))
        assert host.seen(host)["role"] == "host"

    async def test_a_second_join_replaces_the_first_and_the_room_goes_on(self, rooms: Rooms) -> None:
        mine = token(identity="host", role="host")
        host = await joined(rooms, "Host", token=mine)
        await host.ask("policy", policy={"waitingRoom": True})
        again = await joined(rooms, "Host", token=mine, preview=True)
        assert host.told("error") == []
        await again.ask("enter")
        assert host.last("error")["code"] == "replaced"
        assert again.last("entered")["participants"][0]["role"] == "host"
        assert rooms.open_rooms.all()[0].roster.policy.waiting_room
        assert people(rooms) == ["Host"]

    async def test_it_replaces_even_in_a_full_room(self, rooms: Rooms) -> None:
        for i in range(8):
            await joined(rooms, f"P{i}", token=token(identity=f"p{i}"))
        await joined(rooms, "P3", token=token(identity="p3"))
        assert sorted(people(rooms)) == [f"P{i}" for i in range(8)]

    @pytest.mark.parametrize("claims", [{"identity": "mallory"}, {}])
    async def test_removal_keeps_the_token_out(self, rooms: Rooms, claims: dict[str, str]) -> None:
        """Whoever it is, and by another token of the same identity, too; others come in."""
        host = await joined(rooms, "Host", token=token(role="host"))
        mallory = await joined(rooms, "Mallory", token=(one := token(**claims)))
        await host.ask("remove", participant=mallory.id)
        assert await refused(rooms, "Mallory", token=one) == "removed"
        if claims:
            assert await refused(rooms, "Mallory", token=token(**claims, name="M")) == "removed"
        await joined(rooms, "Bob", token=token(identity="bob"))
        await host.ask("allow", participant=mallory.id)
        await joined(rooms, "Mallory", token=one)


class TestLobby:
    """Hosts see who is there, and can end it."""

    async def test_hosts_are_told_and_clear_it(self, rooms: Rooms) -> None:
        ada = await joined(rooms, "Ada")
        bob = await joined(rooms, "Bob")
        eve = await joined(rooms, "Eve", preview=True)
        assert ada.last("lobby")["lobby"] == [{"id": eve.id, "name": "Eve"}]
        assert bob.told("lobby") == []
        await ada.ask("clear-lobby")
        assert eve.last("error")["code"] == "denied"
        assert ada.last("lobby")["lobby"] == []
        dan = await joined(rooms, "Dan", preview=True)
        await ada.ask("remove", participant=dan.id)
        assert dan.last("error")["code"] == "removed"
        assert people(rooms) == ["Ada", "Bob"]


class TestReload:
    """A page that is loaded again is back before anybody else is promoted."""

    async def test_the_host_is_host_again(self, rooms: Rooms) -> None:
        ada = await joined(rooms, "Ada")
        bob = await joined(rooms, "Bob")
        await ada.ask("leave", returning=True)
        await ada.session.end()
        assert bob.seen(bob)["role"] == "guest"
        again = await joined(rooms, "Ada", former=ada.last("joined")["seat"], preview=True)
        await again.ask("enter")
        assert bob.seen(again)["role"] == "host"
        assert bob.seen(bob)["role"] == "guest"
        assert bob.last("participant-left")["participant"] == ada.id

    @pytest.mark.slow
    async def test_one_of_two_hosts_is_gone_at_once_and_host_again(self, rooms: Rooms) -> None:
        ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
        eve = await joined(rooms, "Eve", hostToken=ada.last("joined")["hostToken"])
        await eve.ask("leave", returning=True)
        await eve.session.end()
        assert bob.last("participant-left")["reason"] == "left"
        again = await joined(rooms, "Eve", former=eve.last("joined")["seat"])
        assert bob.seen(again)["role"] == "host"
        await again.ask("leave")
        await again.session.end()
        late = await joined(rooms, "Eve", former=eve.last("joined")["seat"])
        assert bob.seen(late)["role"] == "guest"

    async def test_somebody_else_s_seat_is_of_no_use(self, rooms: Rooms) -> None:
        """While its owner is connected."""
        ada = await joined(rooms, "Ada")
        eve = await joined(rooms, "Eve", former=ada.last("joined")["seat"])
        assert eve.seen(eve)["role"] == "guest"
        assert people(rooms) == ["Ada", "Eve"]

    async def test_who_does_not_come_back_is_gone_soon(
        self, rooms: Rooms, monkeypatch: pytest.MonkeyPatch, until: Callable[..., object]
    ) -> None:
        monkeypatch.setattr("server.signaling.session.RETURN_HOLD", 0.01)
        ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
        await ada.ask("leave", returning=True)
        await ada.session.end()
        await until(lambda: bob.seen(bob)["role"] == "host")  # type: ignore[misc]


def test_the_number_of_bans_is_bounded() -> None:
    bans = Bans()
    for i in range(2 * MAX_BANS):
        bans.add(str(i), "x", f"key {i}")
    bans.expect_allowed("key 0")
    with pytest.raises(SignalingError):
        bans.expect_allowed(f"key {2 * MAX_BANS - 1}")
    assert len(bans.describe()) == MAX_BANS


def test_viewers_obey_lock_waiting_room_and_expiry() -> None:
    changes = 0

    def changed() -> None:
        nonlocal changes
        changes += 1

    viewers, watched = Viewers(changed), "p1"
    guest, host = Viewer(Grant(), watched), Viewer(Grant(role="host"), watched)
    late = Viewer(replace(Grant(role="host"), expires=1.0), watched)
    for viewer in (guest, host, late):
        viewers.add(viewer)
    viewers.end_forbidden(RoomPolicy())
    assert list(viewers) == [guest, host]
    for policy in (RoomPolicy(locked=True), RoomPolicy(waiting_room=True)):
        viewers.add(guest)
        viewers.end_forbidden(policy)
        assert list(viewers) == [host]
    assert changes == 8


async def test_a_guest_who_may_come_back_is_gone_at_once(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    await bob.ask("leave", returning=True)
    await bob.session.end()
    assert ada.last("participant-left") == {
        "type": "participant-left",
        "participant": bob.id,
        "reason": "left",
    }
