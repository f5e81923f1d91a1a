"""Rooms that take only cameras which say that they have been filtered on the device."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest

from filters.matting.segmenter import Segmenter
from server.access.tokens import Grant, Key, make_token
from server.config.options import Config
from server.rooms.device_filter import DeviceFilterClaim
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined
from tests.support.serving import Client, serving
from tests.support.whip_client import offer, post

SECRET = "north-" * 6


def video(guest: Guest) -> tuple[bool, bool]:
    """Return whether others are told of a picture, and whether there is one."""
    participant = guest.session.membership.participant
    return participant.sends_video, not participant.video.paused


async def test_without_the_policy_nobody_is_asked(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    await ada.ask("media", audio=False, video=True)
    assert video(ada) == (True, True)
    assert ada.seen(ada)["deviceFilter"] is False


async def test_the_policy_keeps_out_what_is_not_said_to_be_filtered(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    await bob.ask("media", audio=True, video=True)
    await ada.ask("policy", policy={"deviceFilter": "required"})
    assert ada.last("policy")["policy"]["deviceFilter"] == "required"
    assert video(bob) == (False, False)
    assert ada.seen(bob)["video"] is False
    await bob.ask("media", audio=True, video=True, deviceFilter=True)
    assert video(bob) == (True, True)
    assert (ada.seen(bob)["video"], ada.seen(bob)["deviceFilter"]) == (True, True)
    await bob.ask("media", audio=True, video=True, deviceFilter=False)
    assert video(bob) == (False, False)
    await ada.ask("policy", policy={"deviceFilter": "optional"})
    assert video(bob) == (True, True)
    assert ada.seen(bob)["video"] is True


async def test_whoever_comes_later_sends_no_picture_before_the_word(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    await ada.ask("policy", policy={"deviceFilter": "required"})
    bob = await joined(rooms, "Bob", preview=True)
    assert video(bob) == (False, False)
    await bob.ask("media", audio=True, video=True, deviceFilter=True)
    assert video(bob) == (True, True)


async def test_a_token_requires_it_of_its_holder_only(rooms: Rooms) -> None:
    membership, _ = rooms.join("studio", "Ada", "blur", Grant(device_filter=True))
    membership.participant.set_media(audio=True, video=True)
    assert (membership.participant.sends_video, membership.participant.sends_audio) == (False, True)
    membership.participant.set_media(audio=True, video=True, device_filter=True)
    assert membership.participant.sends_video
    bob = await joined(rooms, "Bob")
    assert bob.last("joined")["limits"]["deviceFilter"] == "optional"
    await bob.ask("media", audio=False, video=True)
    assert video(bob) == (True, True)


async def test_the_word_is_a_flag(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    assert await ada.refused("media", audio=False, video=True, deviceFilter="yes") == "bad-message"
    assert await ada.refused("policy", policy={"deviceFilter": "always"}) == "bad-message"


@pytest.mark.parametrize(
    ("said", "ever"),
    [
        ([], "never"),
        ([(False, True)], "never"),
        ([(True, True), (True, True)], "always"),
        ([(False, False), (True, True), (False, False)], "always"),
        ([(False, True), (True, True)], "sometimes"),
    ],
)
def test_what_a_receipt_says_of_it(said: list[tuple[bool, bool]], ever: str) -> None:
    word = DeviceFilterClaim()
    for filtered, with_video in said:
        word.say(filtered, video=with_video)
    assert word.ever == ever


@pytest.fixture
async def guarded(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, token_keys={"a": SECRET}), segmenter) as client:
        yield client


async def test_whip_has_no_word_for_it(guarded: Client) -> None:
    bearer = make_token(Key("a", "HS256", SECRET), Grant("studio", device_filter=True), 60)
    camera, sound = await offer("sendonly", "video"), await offer("sendonly", "audio")
    for sdp in (camera, camera.replace("m=video", "m= video")):
        status, text = await post(guarded, "/whip/studio", sdp, Authorization=f"Bearer {bearer}")
        assert (status, "device-filter-required" in text) == (403, True)
    assert (await post(guarded, "/whip/studio", sound, Authorization=f"Bearer {bearer}"))[0] == 201


async def test_the_devices_network_is_the_one_of_the_card(here: Client) -> None:
    async with here.get("/api/device-network") as response:
        card = await response.json()
    async with here.get(card["url"]) as response:
        data = await response.read()
        assert response.headers["Content-Type"] == "application/octet-stream"
    assert hashlib.sha256(data).hexdigest() == card["sha256"]
    assert (card["multiple"], card["pixels"], len(card["mean"]), len(card["std"])) == (16, 89600, 3, 3)
    async with here.get("/models/selfie_landscape.onnx") as response:
        assert response.status == 404
