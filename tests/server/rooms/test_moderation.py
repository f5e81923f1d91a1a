"""What hosts may do, and that the server makes everybody obey, whatever client they have."""

from __future__ import annotations

import pytest

from server.core.errors import SignalingError
from server.rooms.backgrounds import Upload
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined

PICTURE = Upload(b"jpeg", b"thumbnail")


@pytest.fixture
async def bob(rooms: Rooms, ada: Guest) -> Guest:
    """A guest."""
    return await joined(rooms, "Bob", background="fjord")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("mute", {}),
        ("mute", {"participant": "x"}),
        ("remove", {"participant": "x"}),
        ("allow", {"participant": "x"}),
        ("clear-lobby", {}),
        ("admit", {"participant": "x"}),
        ("deny", {"participant": "x"}),
        ("policy", {"policy": {"locked": True}}),
        ("hand", {"raised": False, "participant": "x"}),
    ],
)
async def test_guests_may_do_none_of_it(ada: Guest, bob: Guest, kind: str, fields: dict[str, object]) -> None:
    assert await bob.refused(kind, **fields) == "host-only"
    assert not ada.told("policy")


@pytest.mark.parametrize("kind", ["mute", "remove", "admit", "deny"])
async def test_whoever_is_not_there(ada: Guest, kind: str) -> None:
    assert await ada.refused(kind, participant="nobody") == "unknown-participant"


async def test_mute_and_unmute(ada: Guest, bob: Guest) -> None:
    audio = bob.session.membership.participant.audio
    await bob.ask("media", audio=True, video=False)
    assert not audio.paused
    await ada.ask("mute", participant=bob.id)
    assert audio.paused
    assert bob.last("muted")["by"] == ada.id
    assert not ada.seen(bob)["audio"]
    await bob.ask(
        "media", audio=True, video=True
    )  # was on its way already, or comes from a client that cheats
    assert audio.paused
    assert not ada.seen(bob)["audio"]
    await bob.ask("media", audio=False, video=True)
    await bob.ask("media", audio=True, video=True)
    assert not audio.paused
    assert ada.seen(bob)["audio"]


async def test_mute_everybody_else(ada: Guest, bob: Guest) -> None:
    for guest in (ada, bob):
        await guest.ask("media", audio=True, video=False)
    await ada.ask("mute")
    assert bob.told("muted")
    assert not ada.told("muted")


async def test_the_mute_outlasts_a_lost_connection(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await bob.ask("media", audio=True, video=False)
    await bob.session.end()
    await ada.ask("mute", participant=bob.id)
    again = await joined(rooms, "Bob", seat=bob.last("joined")["seat"])
    assert again.told("muted")
    await again.ask("media", audio=True, video=False)
    assert not ada.seen(bob)["audio"]


async def test_remove(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await ada.ask("remove", participant=bob.id)
    assert (bob.last("error")["code"], bob.last("error")["fatal"]) == ("removed", True)
    assert ada.last("participant-left")["reason"] == "removed"
    await bob.ask("enter")  # was on its way already
    assert bob.id not in bob.session.membership.room.members
    seat = bob.last("joined")["seat"]
    for field in ("seat", "former"):
        with pytest.raises(SignalingError, match="has removed you"):
            await joined(rooms, "Bob", **{field: seat})
    assert ada.last("lobby")["banned"] == [{"id": bob.id, "name": "Bob"}]
    assert await ada.refused("allow", participant="x") == "unknown-participant"
    await ada.ask("allow", participant=bob.id)
    assert ada.last("lobby")["banned"] == []
    again = await joined(rooms, "Bob", seat=seat)
    assert again.id != bob.id


async def test_a_locked_room(rooms: Rooms, ada: Guest) -> None:
    eve = await joined(rooms, "Eve", preview=True)
    await ada.ask("policy", policy={"locked": True})
    assert eve.last("policy")["policy"]["locked"]
    assert await eve.refused("enter") == "room-locked"
    with pytest.raises(SignalingError) as error:
        await joined(rooms, "Late")
    assert (error.value.code, error.value.fatal) == ("room-locked", True)
    await eve.ask("enter", hostToken=ada.last("joined")["hostToken"])
    assert eve.told("entered")


async def test_knocking(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await ada.ask("policy", policy={"waitingRoom": True})
    eve = await joined(rooms, "Eve", preview=True)
    await eve.ask("enter")
    await eve.ask("enter")
    assert eve.told("waiting")
    assert ada.told("knock") == [{"type": "knock", "participant": {"id": eve.id, "name": "Eve"}}]
    assert not bob.told("knock")
    await ada.ask("admit", participant=eve.id)
    assert eve.told("entered")
    assert ada.last("knock-ended")["participant"] == eve.id
    assert bob.last("participant-joined")["participant"]["name"] == "Eve"


async def test_denied(rooms: Rooms, ada: Guest) -> None:
    await ada.ask("policy", policy={"waitingRoom": True})
    eve = await joined(rooms, "Eve")
    assert eve.last("joined")["state"] == "waiting"
    await ada.ask("deny", participant=eve.id)
    assert (eve.last("error")["code"], eve.last("error")["fatal"]) == ("denied", True)
    assert ada.last("knock-ended")["participant"] == eve.id
    assert not ada.told("participant-left")


async def test_who_knocks_and_goes(rooms: Rooms, ada: Guest) -> None:
    await ada.ask("policy", policy={"waitingRoom": True})
    eve = await joined(rooms, "Eve")
    await eve.ask("leave")
    await eve.session.end()
    assert ada.last("knock-ended")["participant"] == eve.id


async def test_no_waiting_room_any_more(rooms: Rooms, ada: Guest) -> None:
    await ada.ask("policy", policy={"waitingRoom": True})
    waiting = [await joined(rooms, name) for name in ("Bob", "Eve", "Max")]
    await ada.ask("policy", policy={"waitingRoom": False})
    assert [bool(guest.told("entered")) for guest in waiting] == [True, True, False]  # three fit
    assert (
        waiting[2].session.membership.room.roster.state(waiting[2].session.membership.participant)
        == "waiting"
    )


async def test_the_heir_is_told_who_waits(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    await ada.ask("policy", policy={"waitingRoom": True})
    eve = await joined(rooms, "Eve")
    await ada.ask("leave")
    await ada.session.end()
    assert bob.seen(bob)["role"] == "host"
    assert bob.last("knock")["participant"]["id"] == eve.id


async def test_the_heir_is_told_who_is_in_the_lobby(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    eve = await joined(rooms, "Eve", preview=True)
    await ada.ask("leave")
    await ada.session.end()
    assert [each["id"] for each in bob.last("lobby")["lobby"]] == [eve.id]


async def test_who_becomes_host_by_the_secret_is_told_who_is_outside(
    rooms: Rooms, ada: Guest, bob: Guest
) -> None:
    await ada.ask("policy", policy={"waitingRoom": True})
    eve = await joined(rooms, "Eve")
    bob.session.membership.room.enter(bob.session.membership, bob.session.membership.room.roster.token)
    assert bob.seen(bob)["role"] == "host"
    assert bob.last("knock")["participant"]["id"] == eve.id


async def test_who_waits_for_nobody_gets_the_room(rooms: Rooms, ada: Guest) -> None:
    await ada.ask("policy", policy={"waitingRoom": True, "backgrounds": ["fjord"]})
    eve = await joined(rooms, "Eve")
    await ada.ask("leave")
    await ada.session.end()
    assert "hostToken" in eve.last("entered")
    assert not eve.last("policy")["policy"]["waitingRoom"]
    assert eve.last("policy")["policy"]["backgrounds"] == "any"


async def test_one_background_for_all_at_once(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    eve = await joined(rooms, "Eve", preview=True)
    before = bob.session.membership.participant.filter.background
    await ada.ask("policy", policy={"backgrounds": ["#204060"]})
    assert bob.session.membership.participant.filter.background is not before
    for guest in (ada, bob, eve):
        assert guest.background == "#204060"
        assert guest.last("background") == {
            "type": "background",
            "background": "#204060",
            "reason": "policy",
        }
        assert [b["id"] for b in guest.last("backgrounds")["backgrounds"]] == ["#204060"]
        assert await guest.refused("background", background="blur") == "background-forbidden"
        assert guest.background == "#204060"


async def test_what_is_allowed_stays(ada: Guest, bob: Guest) -> None:
    before = bob.session.membership.participant.filter.background
    await ada.ask("policy", policy={"backgrounds": ["fjord", "blur"]})
    assert bob.session.membership.participant.filter.background is before
    assert not bob.told("background")


async def test_joining_with_a_forbidden_background(rooms: Rooms, ada: Guest) -> None:
    await ada.ask("policy", policy={"backgrounds": "blur"})
    eve = await joined(rooms, "Eve", background="fjord")
    told = eve.last("joined")
    assert (told["background"], told["redirected"]) == ("blur-strong", "background-forbidden")
    assert {b["kind"] for b in told["backgrounds"]} == {"blur"}


async def test_a_policy_that_names_nothing_known_changes_nothing(ada: Guest) -> None:
    for policy in ({"backgrounds": ["atlantis"]}, {"backgrounds": ["upload:x"]}):
        assert await ada.refused("policy", policy=policy) == "unknown-background"
    assert not ada.told("policy")


async def test_the_hosts_picture_for_all(rooms: Rooms, ada: Guest, bob: Guest) -> None:
    host = ada.session.membership.participant
    picture = host.library.add(PICTURE, "studio")["id"]
    await ada.ask("policy", policy={"backgrounds": [picture]})
    assert bob.background == picture
    shown = bob.last("backgrounds")["backgrounds"]
    assert [(b["id"], b.get("mine")) for b in shown] == [(picture, None)]
    await ada.ask("leave")
    await ada.session.end()
    assert bob.background == picture
    assert bob.session.membership.room.backgrounds.thumbnail(picture.removeprefix("upload:")) == b"thumbnail"
    await bob.ask("policy", policy={"backgrounds": "any"})
    assert bob.background == "fjord"  # what Bob had chosen
    assert await bob.refused("background", background=picture) == "unknown-background"


async def test_lowering_a_hand(ada: Guest, bob: Guest) -> None:
    await bob.ask("hand", raised=True)
    assert ada.seen(bob)["hand"] > 1_700_000_000_000
    assert await ada.refused("hand", raised=True, participant=bob.id) == "bad-message"
    await ada.ask("hand", raised=False, participant=bob.id)
    assert bob.seen(bob)["hand"] is None


async def test_the_own_choice_comes_back_when_it_is_allowed_again(
    rooms: Rooms, ada: Guest, bob: Guest
) -> None:
    await bob.ask("background", background="loft")
    await ada.ask("policy", policy={"backgrounds": ["blur", "fjord"]})
    assert bob.background == "fjord"
    assert bob.last("background")["background"] == "fjord"
    await ada.ask("policy", policy={"backgrounds": "blur"})
    assert bob.background == "blur-strong"
    await ada.ask("policy", policy={"backgrounds": "any"})
    assert bob.background == "loft"
    assert bob.last("background") == {"type": "background", "background": "loft", "reason": "restored"}


async def test_what_was_wanted_at_the_door_comes_when_it_is_allowed(rooms: Rooms, ada: Guest) -> None:
    await ada.ask("policy", policy={"backgrounds": ["fjord"]})
    eve = await joined(rooms, "Eve", background="loft")
    assert eve.background == "fjord"
    await ada.ask("policy", policy={"backgrounds": "any"})
    assert eve.background == "loft"
