"""Whom hosts invite: links with their token, revoked ones, PINs, and who comes back after a reload."""

from __future__ import annotations

import time
from typing import Any

import pytest

from server.access.tokens import Grant, Key, make_token
from server.config.options import Config
from server.core.errors import SignalingError
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined

SECRET = "north-" * 6
HOUR = 3600
PIN, WRONG = "482913", "482914"


@pytest.fixture
def config() -> Config:
    return Config(workers=1, max_participants=8, max_rooms=2)


def token(**claims: object) -> str:
    grant = Grant("studio", **claims)  # type: ignore[arg-type]
    return make_token(Key("a", "HS256", SECRET), grant, HOUR)


async def refused(rooms: Rooms, name: str, **fields: object) -> str:
    with pytest.raises(SignalingError) as error:
        await joined(rooms, name, **fields)
    assert error.value.fatal
    return error.value.code


async def invite(host: Guest, **fields: object) -> dict[str, Any]:
    await host.ask("invite", **{"role": "guest", "lifetime": HOUR, **fields})
    told = host.last("invitations")
    made: dict[str, Any] = next(each for each in told["invitations"] if each["id"] == told["made"])
    return made


class TestLinks:
    """With keys: a token for each."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        return config.replace(token_keys={"a": SECRET}, invitation_lifetime=2 * HOUR)

    @pytest.fixture
    async def ada(self, rooms: Rooms) -> Guest:
        return await joined(rooms, "Ada", token=token(role="host", name="Ada"))

    async def test_guests_and_hosts_come_in_by_theirs(self, rooms: Rooms, ada: Guest) -> None:
        assert ada.last("joined")["limits"]["invitations"] == "links"
        made = await invite(ada)
        assert (made["role"], made["pin"], made["by"]) == ("guest", False, "Ada")
        assert 0 < made["expires"] - (time.time() + HOUR - 10) * 1000 < 20_000
        bob = await joined(rooms, "Bob", token=made["token"])
        assert bob.seen(bob)["role"] == "guest"
        assert bob.last("joined")["grant"] == {"name": False, "expires": made["expires"] // 1000 * 1000}
        eve = await joined(rooms, "Eve", token=(await invite(ada, role="host"))["token"])
        assert eve.seen(eve)["role"] == "host"
        await eve.ask("invitations")
        assert {each["id"] for each in eve.last("invitations")["invitations"]} >= {made["id"]}

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"role": "owner"}, "bad-message"),
            ({"lifetime": 59}, "bad-message"),
            ({"lifetime": "1"}, "bad-message"),
            ({"pin": "1234"}, "bad-message"),
            ({"pin": ""}, "bad-message"),
        ],
    )
    async def test_what_is_no_invitation(self, ada: Guest, fields: dict[str, object], code: str) -> None:
        assert await ada.refused("invite", **{"role": "guest", "lifetime": HOUR, **fields}) == code

    async def test_guests_make_none(self, rooms: Rooms, ada: Guest) -> None:
        bob = await joined(rooms, "Bob", token=token())
        for kind in ("invite", "invitations", "revoke", "pin"):
            assert await bob.refused(kind, role="host", lifetime=HOUR, invitation="x") == "host-only"

    async def test_none_is_good_for_longer_than_it_may(self, rooms: Rooms, ada: Guest) -> None:
        """Than the server says, and for hosts than the token of who makes it."""
        now = time.time()
        assert (await invite(ada, lifetime=10**9))["expires"] < (now + 2 * HOUR + 60) * 1000
        assert (await invite(ada, role="host", lifetime=10**9))["expires"] < (now + HOUR + 60) * 1000

    async def test_none_allows_more_than_its_maker_may(self, rooms: Rooms) -> None:
        host = await joined(
            rooms,
            "Ada",
            token=token(
                role="host",
                background="fjord",
                screen=False,
                recording=True,
                files=True,
                device_filter=True,
                identity="ada",
            ),
        )
        bob = await joined(rooms, "Bob", token=(await invite(host, role="host"))["token"])
        grant = bob.session.membership.participant.grant
        assert (grant.room, grant.identity, grant.background) == ("studio", "", "fjord")
        assert (grant.screen, grant.recording, grant.files) == (False, None, None)
        assert grant.device_filter
        effective = bob.last("joined")["effective"]
        assert (effective["backgrounds"], effective["screenShare"]) == (["fjord"], "off")
        assert effective["deviceFilter"] == "required"

    async def test_a_guest_who_is_host_for_a_while_makes_no_hosts(self, rooms: Rooms, ada: Guest) -> None:
        bob = await joined(rooms, "Bob", token=token())
        await ada.ask("role", participant=bob.id, role="host")
        made = await invite(bob, role="host")
        assert made["role"] == "guest"
        eve = await joined(rooms, "Eve", token=made["token"])
        assert eve.seen(eve)["role"] == "guest"

    @pytest.mark.parametrize("how", ["role", "remove"])
    async def test_who_is_host_no_more_becomes_none_by_a_link(
        self, rooms: Rooms, ada: Guest, how: str
    ) -> None:
        """Hosts know them all."""
        bob = await joined(rooms, "Bob", token=token(role="host", identity="bob"))
        link, other = (await invite(bob, role="host"))["token"], (await invite(ada))["token"]
        waiting = await joined(rooms, "Dan", token=link, preview=True)
        await ada.ask(how, participant=bob.id, role="guest")
        assert waiting.last("error")["code"] == "token-revoked"
        assert await refused(rooms, "Bob", token=link) == "token-revoked"
        eve = await joined(rooms, "Eve", token=other)
        hosts = (await invite(ada, role="host"))["token"]
        await ada.ask("role", participant=eve.id, role="guest")  # who is none
        await joined(rooms, "Kit", token=hosts)

    async def test_a_revoked_one_lets_nobody_in_and_who_waits_by_it_is_told(
        self, rooms: Rooms, ada: Guest
    ) -> None:
        made = await invite(ada)
        inside = await joined(rooms, "Bob", token=made["token"])
        outside = await joined(rooms, "Eve", token=made["token"], preview=True)
        other = await joined(rooms, "Dan", token=(await invite(ada))["token"], preview=True)
        await ada.ask("revoke", invitation=made["id"])
        assert outside.last("error")["code"] == "token-revoked"
        assert not inside.told("error")
        assert not other.told("error")
        assert made["id"] not in {each["id"] for each in ada.last("invitations")["invitations"]}
        assert await refused(rooms, "Eve", token=made["token"]) == "token-revoked"
        assert await ada.refused("revoke", invitation="nobody") == "unknown-invitation"

    async def test_one_with_a_pin(self, rooms: Rooms, ada: Guest) -> None:
        made = await invite(ada, pin=PIN)
        assert made["pin"] is True
        assert PIN not in str(ada.messages)
        assert await refused(rooms, "Bob", token=made["token"]) == "pin-missing"
        assert await refused(rooms, "Bob", token=made["token"], pin=WRONG) == "pin-wrong"
        bob = await joined(rooms, "Bob", token=made["token"], pin=PIN)
        assert bob.seen(bob)["role"] == "guest"

    async def test_who_is_in_the_room_reloads_though_the_link_is_good_no_more(
        self, rooms: Rooms, ada: Guest
    ) -> None:
        """After somebody else who came by it has been removed, or it was revoked; who was removed stays out."""
        made = await invite(ada, pin=PIN)
        bob = await joined(rooms, "Bob", token=made["token"], pin=PIN)
        mallory = await joined(rooms, "Mallory", token=made["token"], pin=PIN)
        await ada.ask("remove", participant=mallory.id)
        seat = mallory.last("joined")["seat"]
        assert await refused(rooms, "M", token=made["token"], pin=PIN, former=seat) == "removed"
        assert await refused(rooms, "M", token=made["token"], pin=PIN) == "removed"
        await ada.ask("revoke", invitation=made["id"])
        await bob.ask("leave", returning=True)
        await bob.session.end()
        again = await joined(rooms, "Bob", token=made["token"], former=bob.last("joined")["seat"])
        assert again.seen(again)["role"] == "guest"
        assert await refused(rooms, "Eve", token=made["token"], pin=PIN, former="x") == "token-revoked"

    async def test_who_is_removed_does_not_come_back_by_the_seat_of_before(
        self, rooms: Rooms, ada: Guest
    ) -> None:
        """Left a moment ago, when somebody else might have been who was removed."""
        link = (await invite(ada))["token"]
        first = await joined(rooms, "Mallory", token=link)
        await first.ask("leave")
        await first.session.end()
        second = await joined(rooms, "Mallory", token=link)
        await ada.ask("remove", participant=second.id)
        seat = first.last("joined")["seat"]
        assert await refused(rooms, "Mallory", token=link, former=seat) == "removed"

    async def test_everybody_may_come_at_once(self, rooms: Rooms, ada: Guest) -> None:
        link = (await invite(ada))["token"]
        for n in range(6):  # of the lobby's eight
            await joined(rooms, f"P{n}", token=link, preview=True)
        assert await refused(rooms, "P6", token=link, preview=True) == "too-many-connections"

    async def test_the_room_has_no_pin_of_its_own(self, ada: Guest) -> None:
        assert await ada.refused("pin", pin=PIN) == "bad-message"


class TestPin:
    """Without keys."""

    async def test_it_is_asked_of_everybody_but_hosts(self, rooms: Rooms) -> None:
        ada = await joined(rooms, "Ada")
        assert ada.last("joined")["limits"]["invitations"] == "pin"
        assert ada.last("joined")["grant"] is None
        await ada.ask("pin", pin=PIN)
        assert ada.last("invitations")["pin"] == PIN
        assert await refused(rooms, "Bob") == "pin-missing"
        assert await refused(rooms, "Bob", pin=WRONG) == "pin-wrong"
        assert await refused(rooms, "Bob", pin=WRONG, hostToken="x") == "pin-wrong"
        bob = await joined(rooms, "Bob", pin=PIN)
        assert PIN not in str(bob.messages)
        await bob.session.end()  # lost, and back by the seat
        await joined(rooms, "Bob", seat=bob.last("joined")["seat"])
        eve = await joined(rooms, "Eve", hostToken=ada.last("joined")["hostToken"])
        assert eve.seen(eve)["role"] == "host"
        await ada.ask("pin", pin=None)
        await joined(rooms, "Dan")

    async def test_it_ends_with_the_room(self, rooms: Rooms) -> None:
        ada = await joined(rooms, "Ada")
        await ada.ask("pin", pin=PIN)
        await ada.ask("leave")
        await ada.session.end()
        await joined(rooms, "Bob")

    @pytest.mark.parametrize("pin", ["1234", "", 5, "abcdef"])
    async def test_what_is_none(self, rooms: Rooms, pin: object) -> None:
        ada = await joined(rooms, "Ada")
        if pin == "":
            await ada.ask("pin", pin=pin)
            assert ada.last("invitations")["pin"] is None
        else:
            assert await ada.refused("pin", pin=pin) == "bad-message"

    async def test_whoever_guesses_waits(self, rooms: Rooms) -> None:
        ada = await joined(rooms, "Ada")
        await ada.ask("pin", pin=PIN)
        told = [await refused(rooms, "Eve", pin=WRONG) for _ in range(6)]
        assert told == ["pin-wrong"] * 5 + ["too-many-pins"]
        assert await refused(rooms, "Eve", pin=PIN) == "too-many-pins"

    async def test_no_links_are_made(self, rooms: Rooms) -> None:
        ada = await joined(rooms, "Ada")
        assert await ada.refused("invite", role="guest", lifetime=HOUR) == "no-keys"
