"""One person: the background and what the policy makes of it, what is passed on, and the end of everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from filters.matting.segmenter import load_card
from server.access.policy import OPAQUE, RoomPolicy
from server.access.tokens import OPEN, Grant
from server.config.options import DEFAULT_MODEL, MODELS, Config
from server.core.errors import SignalingError
from server.media.governor import FULL, Level
from server.media.load import LoadMeter
from server.media.resources import MediaResources
from server.media.rtc import AudioPacket
from server.peers.descriptions import read_offer
from server.peers.subscriber import SubscribeOffer
from server.rooms.backgrounds import Upload
from server.rooms.participant import MAX_POLICIES, Participant
from server.rooms.screens import Screen
from tests.support.media import picture_bytes, quarters
from tests.support.painting import camera
from tests.support.publications import Listener
from tests.support.whip_client import offer
from tests.support.workers import IdleWorkers

Make = Callable[..., Participant]

ANYTHING = RoomPolicy()
BLUR = RoomPolicy(backgrounds="blur")
FJORD = RoomPolicy(backgrounds=("fjord",))


@pytest.fixture
def workers() -> IdleWorkers:
    return IdleWorkers()


@pytest.fixture
async def make(workers: IdleWorkers) -> AsyncIterator[Make]:
    """Make a participant with this background and grant, and uploads of the room."""
    media = MediaResources(load_card(DEFAULT_MODEL, MODELS), workers, LoadMeter(1))
    made: list[Participant] = []

    def participant(
        background: str = "fjord", grant: Grant = OPEN, shared: Mapping[str, Upload] = MappingProxyType({})
    ) -> Participant:
        made.append(Participant("Ada", background, Config(), media, shared, grant))
        return made[-1]

    yield participant
    await asyncio.gather(*(each.close() for each in made))


@pytest.fixture
def ada(make: Make) -> Participant:
    return make()


async def test_a_background_that_nobody_knows(make: Make) -> None:
    for background in ("nowhere", "upload:gone"):
        with pytest.raises(SignalingError) as error:
            make(background)
        assert error.value.code == "unknown-background"


async def test_the_chosen_background_is_shown(ada: Participant) -> None:
    before = ada.filter.background
    ada.choose("BLUR", ANYTHING)
    assert (ada.background, ada.wanted) == ("blur", "blur")
    assert ada.filter.background is not before


@pytest.mark.parametrize(
    ("background", "code"),
    [("blur", "background-forbidden"), ("nowhere", "unknown-background"), ("upload:x", "unknown-background")],
)
async def test_a_choice_that_is_refused_changes_nothing(ada: Participant, background: str, code: str) -> None:
    before = ada.filter.background
    with pytest.raises(SignalingError) as error:
        ada.choose(background, FJORD)
    assert error.value.code == code
    assert (ada.background, ada.wanted) == ("fjord", "fjord")
    assert ada.filter.background is before


async def test_the_token_forbids_what_the_room_allows(make: Make) -> None:
    ada = make("fjord", Grant(backgrounds=("fjord", "blur")))
    with pytest.raises(SignalingError):
        ada.choose("#101010", ANYTHING)
    ada.choose("blur", ANYTHING)
    assert ada.background == "blur"


async def test_the_own_choice_comes_back(ada: Participant) -> None:
    before = ada.filter.background
    assert ada.obey(BLUR)
    assert (ada.background, ada.wanted) == (
        "blur-strong",
        "fjord",
    )  # a picture hides all: the most private blur
    assert ada.filter.background is not before
    assert not ada.obey(BLUR)
    assert ada.obey(ANYTHING)
    assert ada.background == "fjord"
    assert not ada.obey(ANYTHING)
    ada.obey(BLUR)
    ada.obey(RoomPolicy(backgrounds=("#101010",)))
    assert ada.background == "#101010"
    ada.obey(FJORD)
    assert ada.background == "fjord"


async def test_what_is_chosen_meanwhile_is_the_own_choice_from_then_on(ada: Participant) -> None:
    ada.obey(BLUR)
    ada.choose("blur", BLUR)
    assert not ada.obey(ANYTHING)
    assert ada.background == "blur"


async def test_a_picture_that_is_gone_gives_way_to_what_hides_as_much(make: Make) -> None:
    shared = {"key": Upload(picture_bytes(quarters(64, 48), ".jpg"), b"thumbnail")}
    ada = make("upload:key", shared=shared)
    assert not ada.obey(ANYTHING)
    shared.clear()
    assert ada.obey(ANYTHING)
    assert ada.background == OPAQUE


async def test_policies_are_noted_as_the_token_has_them(make: Make) -> None:
    ada = make("fjord", Grant(screen=False))
    assert ada.note(ANYTHING) == replace(ANYTHING, screen_share="off")
    assert ada.note(BLUR).backgrounds == "blur"
    assert [policy.screen_share for policy in ada.policies] == ["off", "off"]


async def test_a_policy_is_noted_once_in_a_row_and_only_the_latest_are_kept(ada: Participant) -> None:
    for _ in range(3):
        ada.note(ANYTHING)
        ada.obey(ANYTHING)
    assert list(ada.policies) == [ANYTHING]
    policies = [RoomPolicy(backgrounds=(f"#{i:06x}",)) for i in range(MAX_POLICIES + 5)]
    for policy in policies:
        ada.note(policy)
    assert list(ada.policies) == policies[-MAX_POLICIES:]


def speak(participant: Participant) -> int:
    """Send one packet; return how many came through."""
    listener = Listener()
    participant.audio.subscribe(listener)
    participant.audio.receive(AudioPacket(b"opus", 0, 30, True))
    participant.audio.unsubscribe(listener)
    return len(listener.packets)


async def test_what_is_not_sent_is_not_passed_on(ada: Participant) -> None:
    ada.set_media(audio=True, video=True)
    assert speak(ada) == 1
    ada.set_media(audio=False, video=True)
    assert speak(ada) == 0
    assert (ada.describe()["audio"], ada.describe()["video"]) == (False, True)


async def test_without_video_the_picture_is_forgotten_and_none_is_taken(
    ada: Participant, workers: IdleWorkers
) -> None:
    (first, second) = camera(2)
    ada.set_media(audio=False, video=True)
    ada.video.receive(first)
    await asyncio.sleep(0)  # the job is done
    ada.set_media(audio=False, video=False)
    ada.video.receive(second)
    assert (workers.transcodings[0].frames, workers.transcodings[0].resets) == (1, 1)
    assert not ada.describe()["video"]


async def test_the_muted_are_heard_again_after_they_said_that_there_is_no_audio(ada: Participant) -> None:
    ada.set_media(audio=False, video=False)
    assert not ada.mute("host")  # there is nothing to mute
    assert ada.muted_by is None
    ada.set_media(audio=True, video=False)
    assert ada.mute("host")
    assert ada.muted_by == "host"
    assert speak(ada) == 0
    assert not ada.mute("another")
    ada.set_media(audio=True, video=False)  # comes from a client that cheats
    assert (speak(ada), ada.sends_audio) == (0, False)
    ada.set_media(audio=False, video=False)
    assert ada.muted_by is None
    ada.set_media(audio=True, video=False)
    assert (speak(ada), ada.sends_audio) == (1, True)


async def test_who_has_never_said_that_there_is_sound_is_muted_all_the_same(ada: Participant) -> None:
    """A client that cheats sends sound, and no word about it."""
    assert speak(ada) == 1
    assert ada.mute("host")
    assert (speak(ada), ada.muted_by) == (0, "host")
    ada.set_media(audio=True, video=False)
    assert (speak(ada), ada.sends_audio) == (0, False)


async def test_the_camera_is_held_back_where_it_has_to_be_filtered_before(ada: Participant) -> None:
    ada.set_media(audio=False, video=True)
    ada.note(RoomPolicy(device_filter="required"))
    assert ada.gate_camera()
    assert (ada.sends_video, ada.video.paused) == (False, True)
    assert not ada.gate_camera()
    ada.set_media(audio=False, video=True, device_filter=True)
    assert (ada.sends_video, ada.video.paused) == (True, False)
    assert ada.filtered_on_device == "sometimes"
    ada.set_media(audio=False, video=True)
    assert not ada.sends_video


async def test_whoever_has_said_nothing_may_send(ada: Participant) -> None:
    ada.note(ANYTHING)
    ada.gate_camera()
    assert (ada.sends_video, ada.video.paused) == (False, False)


async def test_load_makes_pictures_fewer_and_never_less_private(ada: Participant) -> None:
    ada.govern(Level(12.5, 250_000, 2, full_blur=True))
    assert ada.degraded == "overload"
    assert (ada.video.frame_rate, ada.video.max_bitrate) == (12.5, 250_000)
    assert ada.filter.network_interval == 2
    assert ada.filter.full_blur
    ada.govern(FULL._replace(frame_rate=5.0), held_back=True, heavy=True)
    assert (ada.degraded, ada.video.held_back, ada.video.transcoder.heavy) == ("overload", True, True)
    ada.govern(FULL)
    assert ada.degraded is None
    assert not ada.video.held_back
    assert not ada.video.transcoder.heavy
    ada.filter.failing = True
    assert ada.degraded == "error"


async def test_a_screen_comes_and_goes(ada: Participant) -> None:
    assert ada.publication("screen") is None
    assert ada.publishes == ("video", "audio")
    screen = ada.screen = Screen(Config(), lambda: None)
    assert ada.publishes == ("video", "audio")  # nothing is offered yet
    await screen.publisher.offer(read_offer(await offer("sendonly", "video"), Config().max_sdp))
    assert "screen" in ada.publishes
    assert "screen-audio" not in ada.publishes
    assert ada.publication("screen") is screen.video
    assert ada.publication("screen-audio") is screen.audio


async def test_who_watches_whom(make: Make, until: Callable[[Callable[[], object]], Awaitable[None]]) -> None:
    ada, bob = make(), make()
    offers: list[SubscribeOffer] = []
    ada.watch([(bob, "video")])  # before there is a connection
    await ada.connect(offers.append)
    ada.watch([(ada, "video"), (bob, "video"), (bob, "audio"), (bob, "screen")])
    await until(lambda: offers)
    assert [(label.participant, label.kind) for label in offers[0].streams] == [
        (ada.id, "video"),
        (bob.id, "video"),
        (bob.id, "audio"),
    ]


async def test_new_connections_take_the_place_of_those_before(ada: Participant) -> None:
    await ada.connect(lambda offer: None)
    publisher, subscriber = ada.publisher, ada.subscriber
    await publisher.offer(read_offer(await offer("sendonly", "video"), Config().max_sdp))
    before = publisher.connection
    ada.connected = False
    await ada.connect(lambda offer: None)
    assert ada.connected
    assert before is not None
    assert before.connectionState == "closed"
    assert ada.publisher is not publisher
    assert ada.subscriber not in (None, subscriber)
    publisher, subscriber = ada.publisher, ada.subscriber
    await ada.reconnect(lambda offer: None)
    assert ada.publisher is publisher
    assert ada.subscriber not in (None, subscriber)


async def test_the_end_ends_everything(ada: Participant, workers: IdleWorkers) -> None:
    await ada.connect(lambda offer: None)
    sdp = await offer("sendonly", "video", "audio")
    await ada.publisher.offer(read_offer(sdp, Config().max_sdp))
    screen = ada.screen = Screen(Config(), lambda: None)
    await screen.publisher.offer(read_offer(sdp, Config().max_sdp))
    connections = [ada.publisher.connection, screen.publisher.connection]
    listener = Listener()
    for audio in (ada.audio, screen.audio):
        audio.subscribe(listener)
    await ada.close()
    assert [connection.connectionState for connection in connections if connection] == ["closed", "closed"]
    assert not ada.connected
    assert ada.subscriber is None
    assert ada.screen is None
    assert ada.publisher.connection is None
    assert workers.transcodings[0].closed
    for audio in (ada.audio, screen.audio):
        audio.receive(AudioPacket(b"opus", 0, 30, True))
    ada.video.receive(next(camera(1)))
    assert not listener.packets
    assert workers.transcodings[0].frames == 0
    with pytest.raises(SignalingError):
        await ada.publisher.offer(read_offer(sdp, Config().max_sdp))
