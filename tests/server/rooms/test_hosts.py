"""Hosts make hosts and guests, let people speak, and end a meeting for all."""

from __future__ import annotations

import pytest

from server.access.tokens import Grant, Key, make_token
from server.config.options import Config
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined

SECRET = "north-" * 6


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("role", {"participant": "x", "role": "host"}),
        ("allow-unmute", {"participant": "x"}),
        ("lower-hands", {}),
        ("end", {}),
    ],
)
async def test_guests_may_do_none_of_it(ada: Guest, bob: Guest, kind: str, fields: dict[str, object]) -> None:
    assert await bob.refused(kind, **fields) == "host-only"


class TestRoles:
    """Promoted and demoted."""

    async def test_a_new_host_does_what_hosts_do(self, rooms: Rooms, ada: Guest, bob: Guest) -> None:
        await ada.ask("policy", policy={"waitingRoom": True})
        eve = await joined(rooms, "Eve", preview=True)
        await eve.ask("enter")
        await ada.ask("role", participant=bob.id, role="host")
        assert ada.seen(bob)["role"] == "host"
        assert bob.last("knock")["participant"]["name"] == "Eve"
        await bob.ask("admit", participant=eve.id)
        assert eve.last("entered")

    async def test_a_host_who_is_made_one_again_is_told_nothing_new(
        self, rooms: Rooms, ada: Guest, bob: Guest
    ) -> None:
        await ada.ask("policy", policy={"waitingRoom": True})
        eve = await joined(rooms, "Eve", preview=True)
        await eve.ask("enter")
        for _ in range(3):
            await ada.ask("role", participant=bob.id, role="host")
        assert len(bob.told("knock")) == 1

    async def test_a_demoted_host_stays_a_guest(self, rooms: Rooms, ada: Guest, bob: Guest) -> None:
        """Also by the secret of before, which makes no host any more; and after a reload."""
        secret = ada.last("joined")["hostToken"]
        await ada.ask("role", participant=bob.id, role="host")
        await bob.ask("role", participant=ada.id, role="guest")
        assert await ada.refused("mute") == "host-only"
        assert ada.seen(ada)["role"] == "guest"
        seat = ada.last("joined")["seat"]
        await ada.ask("leave", returning=True)
        await ada.session.end()
        again = await joined(rooms, "Ada", former=seat, hostToken=secret)
        assert again.seen(again)["role"] == "guest"
        await bob.ask("invitations")
        other = await joined(rooms, "Dan", hostToken=bob.last("invitations")["hostToken"])
        assert other.seen(other)["role"] == "host"

    async def test_a_host_who_is_removed_is_none_by_the_secret(
        self, rooms: Rooms, ada: Guest, bob: Guest
    ) -> None:
        secret = ada.last("joined")["hostToken"]
        await ada.ask("role", participant=bob.id, role="host")
        await bob.ask("policy", policy={"waitingRoom": True})
        await bob.ask("remove", participant=ada.id)
        again = await joined(rooms, "Ada", hostToken=secret)
        assert again.last("joined")["state"] == "waiting"
        assert not again.told("invitations")
        other = await joined(rooms, "Dan", hostToken=bob.last("invitations")["hostToken"])
        assert other.seen(other)["role"] == "host"

    async def test_a_promoted_guest_reloads_and_is_host(self, rooms: Rooms, ada: Guest, bob: Guest) -> None:
        await ada.ask("role", participant=bob.id, role="host")
        await bob.ask("leave", returning=True)
        await bob.session.end()
        again = await joined(rooms, "Bob", former=bob.last("joined")["seat"], preview=True)
        await again.ask("enter")
        assert ada.seen(again)["role"] == "host"

    async def test_who_does_not_come_back_at_once_is_no_host(
        self, rooms: Rooms, ada: Guest, bob: Guest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A seat that was left is no key to a host's role for as long as the room lasts."""
        monkeypatch.setattr("server.rooms.admission.RELOAD_TIME", 0)
        await ada.ask("role", participant=bob.id, role="host")
        await bob.ask("leave", returning=True)
        await bob.session.end()
        again = await joined(rooms, "Bob", former=bob.last("joined")["seat"])
        assert again.seen(again)["role"] == "guest"

    async def test_the_last_host_stays_one(self, ada: Guest, bob: Guest) -> None:
        assert await ada.refused("role", participant=ada.id, role="guest") == "last-host"
        await ada.ask("role", participant=bob.id, role="guest")  # who is none
        assert await ada.refused("role", participant=bob.id, role="owner") == "bad-message"
        assert await ada.refused("role", participant="nobody", role="host") == "unknown-participant"

    async def test_a_screen_that_guests_may_not_share(self, ada: Guest, bob: Guest) -> None:
        await ada.ask("role", participant=bob.id, role="host")
        room = bob.session.membership.room
        await ada.ask("policy", policy={"screenShare": "hosts"})
        room.roster.share(bob.session.membership.participant)
        await ada.ask("role", participant=bob.id, role="guest")
        assert bob.last("screen")["reason"] == "policy"


class TestTokens:
    """A demoted host's token makes no host while the room lasts."""

    @pytest.fixture
    def config(self) -> Config:
        return Config(workers=1, max_participants=4, token_keys={"a": SECRET})

    async def test_it_makes_a_guest(self, rooms: Rooms) -> None:
        key = Key("a", "HS256", SECRET)
        one, two = (make_token(key, Grant("studio", identity=who, role="host"), 60) for who in ("a", "b"))
        ada, bob = await joined(rooms, "Ada", token=one), await joined(rooms, "Bob", token=two)
        await ada.ask("policy", policy={"waitingRoom": True})
        await ada.ask("role", participant=bob.id, role="guest")
        await bob.ask("leave")
        await bob.session.end()
        again = await joined(rooms, "Bob", token=two)
        assert again.last("joined")["state"] == "waiting"
        await ada.ask("admit", participant=again.id)
        assert again.seen(again)["role"] == "guest"


class TestUnmute:
    """Where the policy says so, hosts decide who is heard."""

    async def test_whoever_is_silent_stays_so_until_a_host_allows_it(self, ada: Guest, bob: Guest) -> None:
        audio = bob.session.membership.participant.audio
        await ada.ask("policy", policy={"unmute": "hosts"})
        assert audio.paused  # even without having said anything
        await bob.ask("media", audio=True, video=True)
        assert bob.last("muted")["by"] is None
        assert audio.paused
        assert not ada.seen(bob)["audio"]
        assert ada.seen(bob)["video"]
        await bob.ask("media", audio=False, video=True)
        await ada.ask("allow-unmute", participant=bob.id)
        assert bob.last("unmute-allowed")["by"] == ada.id
        await bob.ask("media", audio=True, video=True)
        assert not audio.paused
        await ada.ask("mute", participant=bob.id)
        await bob.ask("media", audio=False, video=True)
        await bob.ask("media", audio=True, video=True)
        assert audio.paused
        await ada.ask("policy", policy={"unmute": "allowed"})
        await bob.ask("media", audio=True, video=True)
        assert not audio.paused

    async def test_it_silences_nobody_and_no_host(self, ada: Guest, bob: Guest) -> None:
        await bob.ask("media", audio=True, video=False)
        await ada.ask("policy", policy={"unmute": "hosts"})
        await bob.ask("media", audio=True, video=True)
        assert not bob.session.membership.participant.audio.paused
        await ada.ask("media", audio=True, video=True)
        assert not ada.session.membership.participant.audio.paused

    async def test_a_newcomer_is_silent(self, rooms: Rooms, ada: Guest) -> None:
        await ada.ask("policy", policy={"unmute": "hosts"})
        eve = await joined(rooms, "Eve")
        assert eve.session.membership.participant.audio.paused

    async def test_who_is_not_in_the_room(self, rooms: Rooms, ada: Guest) -> None:
        eve = await joined(rooms, "Eve", preview=True)
        assert await ada.refused("allow-unmute", participant=eve.id) == "unknown-participant"
        assert await ada.refused("allow-unmute", participant="nobody") == "unknown-participant"


async def test_all_hands_go_down(ada: Guest, bob: Guest) -> None:
    for guest in (ada, bob):
        await guest.ask("hand", raised=True)
    await ada.ask("lower-hands")
    assert ada.seen(ada)["hand"] is ada.seen(bob)["hand"] is None


async def test_the_end_is_for_all_and_nobody_inherits(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await ada.ask("policy", policy={"locked": True})
    eve = await joined(rooms, "Eve", preview=True)
    await ada.ask("end")
    for guest in (ada, bob, eve):
        assert guest.last("error") == {
            "type": "error",
            "code": "ended",
            "message": "A host has ended this meeting for everybody.",
            "fatal": True,
        }
    assert bob.seen(bob)["role"] == "guest"
    assert rooms.open_rooms.all() == []
    dan = await joined(rooms, "Dan")  # a new meeting, not locked
    assert dan.seen(dan)["role"] == "host"
