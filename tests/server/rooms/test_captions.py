"""What people say, written down by their devices: who gets it, within which limits, and that it is kept nowhere."""

from __future__ import annotations

import logging

import pytest

from server.access.policy import MAX_CAPTION
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined


async def speaking(rooms: Rooms, name: str) -> Guest:
    """Return somebody who captions what they say."""
    guest = await joined(rooms, name)
    await guest.ask("media", audio=True, video=False, captions=True)
    return guest


async def test_everybody_in_the_room_reads_what_somebody_says(rooms: Rooms) -> None:
    ada, bob = await speaking(rooms, "Ada"), await joined(rooms, "Bob")
    eve = await joined(rooms, "Eve", preview=True)
    assert bob.seen(ada)["captions"]
    await ada.ask("caption", text=" so the\ndoor ", final=False)
    await ada.ask("caption", text="So the door is open.", final=True)
    for guest in (ada, bob):
        assert guest.told("caption") == [
            {"type": "caption", "participant": ada.id, "text": "so the door", "final": False},
            {"type": "caption", "participant": ada.id, "text": "So the door is open.", "final": True},
        ]
    assert eve.told("caption") == []


async def test_captions_are_kept_nowhere(rooms: Rooms, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ada = await speaking(rooms, "Ada")
    await ada.ask("caption", text="Between us", final=True)
    bob = await joined(rooms, "Bob")
    assert "Between us" not in repr(bob.messages)
    assert "Between us" not in caplog.text


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "Hello"},
        {"final": True},
        {"text": 5, "final": True},
        {"text": "Hello", "final": "yes"},
        {"text": " \n", "final": True},
        {"text": "x" * (MAX_CAPTION + 1), "final": False},
    ],
)
async def test_bad_captions_are_refused(rooms: Rooms, fields: dict[str, object]) -> None:
    ada = await speaking(rooms, "Ada")
    assert await ada.refused("caption", **fields) == "bad-message"
    assert ada.told("caption") == []


async def test_the_policy_can_forbid_captions(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await speaking(rooms, "Bob")
    await ada.ask("policy", policy={"captions": False})
    assert not ada.seen(bob)["captions"]
    assert await bob.refused("caption", text="Hello", final=True) == "captions-forbidden"
    await bob.ask("media", audio=True, video=False, captions=True)
    assert not ada.seen(bob)["captions"]
    assert ada.told("caption") == []


async def test_captions_are_asked_for(rooms: Rooms) -> None:
    ada, bob = await speaking(rooms, "Ada"), await joined(rooms, "Bob")
    await bob.ask("caption", text="Unasked", final=True)
    await ada.ask("media", audio=True, video=False)
    await ada.ask("caption", text="No more", final=True)
    assert bob.told("caption") == []


async def test_nothing_is_read_of_who_may_not_be_heard(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await speaking(rooms, "Bob")
    await bob.ask("media", audio=False, video=False, captions=True)
    await bob.ask("caption", text="The end of what was said before", final=True)
    await bob.ask("media", audio=True, video=False, captions=True)
    await ada.ask("mute", participant=bob.id)
    await bob.ask("caption", text="Muted by a host", final=True)
    await bob.ask("media", audio=False, video=False, captions=True)
    await ada.ask("policy", policy={"unmute": "hosts"})
    await bob.ask("caption", text="Muted by the policy", final=True)
    assert [each["text"] for each in ada.told("caption")] == ["The end of what was said before"]
