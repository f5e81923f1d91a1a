"""Joining, the lobby, coming back: what people are told, without sockets."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiortc import RTCPeerConnection

from filters.base import Outcome
from filters.effects import Effects
from server.config.options import Config
from server.core.errors import SignalingError
from server.media.camera_costs import USUAL_PICTURE
from server.media.governor import Level
from server.media.rtc import AudioPacket
from server.peers import ice
from server.rooms.room import Room
from server.rooms.rooms import Rooms
from server.signaling.handlers import cost
from tests.support.gate import Gate
from tests.support.guest import Guest
from tests.support.whip_client import offer


async def joined(rooms: Rooms, name: str, **fields: object) -> Guest:
    guest = Guest(rooms, name)
    await guest.join(**fields)
    return guest


async def test_the_first_one_is_told_everything(rooms: Rooms) -> None:
    ada = Guest(rooms, " Ada ")
    told = await ada.join(room="Studio", background="fjord")
    assert told["version"] == 1
    assert (told["room"], told["state"], told["background"], told["redirected"]) == (
        "studio",
        "room",
        "fjord",
        None,
    )
    assert told["participants"] == [
        {
            "id": ada.id,
            "name": "Ada",
            "audio": False,
            "video": False,
            "deviceFilter": False,
            "captions": False,
            "connected": True,
            "role": "host",
            "hand": None,
            "screen": False,
            "spotlit": False,
            "quality": None,
        }
    ]
    assert (told["chat"], told["knocking"], told["present"]) == ([], [], 1)
    assert len(told["hostToken"]) >= 32
    assert len(told["model"]["sha256"]) == 64
    assert told["reactions"]
    assert told["limits"]["chat"] == 2000
    assert "blur" in {b["id"] for b in told["backgrounds"]}


async def test_effects_are_off_until_they_are_wanted(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada", preview=True)
    person = ada.session.membership.participant.filter
    assert person.effects == Effects()
    await ada.ask("effects", framing=True, lowLight=False)
    assert person.effects == Effects(framing=True)
    assert await ada.refused("effects", framing=1, lowLight=False) == "bad-message"
    assert await ada.refused("effects", framing=False) == "bad-message"
    assert person.effects == Effects(framing=True)


async def test_one_person_is_followed_where_that_is_wanted(rooms: Rooms) -> None:
    ada = Guest(rooms, "Ada")
    assert (await ada.join(preview=True))["followed"] == "off"
    person = ada.session.membership.participant.filter
    seen = []
    for target in ({"x": 0.25, "y": 1}, None, "centre", None, "nobody", None):
        await ada.ask("follow", target=target)
        seen.append(person.followed)
    assert seen == ["lost", "off"] * 3  # lost until somebody is in sight
    wrong: list[object] = [
        "me",
        3,
        [],
        {"x": 0.5},
        {"x": 1.5, "y": 0.5},
        {"x": "0", "y": 0},
        {"x": True, "y": 0},
        False,
    ]
    for each in wrong:
        assert await ada.refused("follow", target=each) == "bad-message"
    assert person.followed == "off"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "media"}, "not-joined"),
        ({"version": 2}, "unsupported-version"),
        ({"room": "a b"}, "bad-room"),
        ({"name": " "}, "bad-name"),
        ({"room": 5}, "bad-message"),
        ({"name": None}, "bad-message"),
        ({"seat": 5}, "bad-message"),
        ({"preview": "yes"}, "bad-message"),
    ],
)
async def test_a_bad_join_is_fatal_and_leaves_nothing(
    rooms: Rooms, fields: dict[str, object], code: str
) -> None:
    guest = Guest(rooms)
    with pytest.raises(SignalingError) as error:
        await guest.session.join({"type": "join", "version": 1, "room": "r", "name": "Ada", **fields})
    assert (error.value.code, error.value.fatal) == (code, True)
    assert rooms.open_rooms.all() == []
    await guest.session.end()


async def test_whoever_cannot_enter_whatever_the_reason_leaves_nothing(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Room, "enter", fail)
    with pytest.raises(RuntimeError):
        await joined(rooms, "Ada")
    assert rooms.open_rooms.all() == []


@pytest.mark.parametrize("connection", [[], {}, None, "both"])
async def test_a_candidate_is_for_a_connection_that_there_is(rooms: Rooms, connection: object) -> None:
    ada = await joined(rooms, "Ada")
    assert await ada.refused("candidate", connection=connection, candidate=None) == "bad-message"


async def test_a_full_room_and_a_full_server(rooms: Rooms) -> None:
    people = [await joined(rooms, str(i)) for i in range(3)]
    with pytest.raises(SignalingError) as error:
        await joined(rooms, "late")
    assert (error.value.code, error.value.fatal) == ("room-full", True)
    assert not any(m["type"] == "participant-joined" for m in people[2].messages)
    await joined(rooms, "other", room="other")
    with pytest.raises(SignalingError) as error:
        await joined(rooms, "third", room="third")
    assert error.value.code == "server-full"


async def test_a_background_that_is_gone_is_replaced(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada", background="upload:gone")
    told = ada.last("joined")
    assert (told["background"], told["redirected"]) == ("blur", "unknown-background")


async def test_nobody_sees_the_lobby_and_the_lobby_sees_nobody(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    bob = await joined(rooms, "Bob", preview=True)
    told = bob.last("joined")
    assert (told["state"], told["present"]) == ("lobby", 1)
    assert [p["id"] for p in told["participants"]] == [bob.id]
    assert "hostToken" not in told
    await bob.ask("media", audio=True, video=True)
    await ada.ask("chat", text="secret")
    assert not ada.told("participant-joined")
    assert not bob.told("chat")
    assert bob.last("participant-updated")["participant"]["video"]
    await ada.ask("media", audio=True, video=True)
    assert ada.id not in {m["participant"]["id"] for m in bob.told("participant-updated")}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("chat", {"text": "hello"}),
        ("hand", {"raised": True}),
        ("reaction", {"reaction": "👍"}),
        ("caption", {"text": "Hello", "final": True}),
        ("totals", {}),
        ("offer", {"connection": "screen", "id": 1, "sdp": "v=0"}),
    ],
)
async def test_what_is_for_the_room_is_refused_in_the_lobby(
    rooms: Rooms, kind: str, fields: dict[str, object]
) -> None:
    bob = await joined(rooms, "Bob", preview=True)
    assert await bob.refused(kind, **fields) == "not-in-room"


async def test_entering(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    await ada.ask("chat", text="early")
    bob = await joined(rooms, "Bob", preview=True)
    await bob.ask("enter")
    told = bob.last("entered")
    assert [p["name"] for p in told["participants"]] == ["Ada", "Bob"]
    assert [c["text"] for c in told["chat"]] == ["early"]
    assert "hostToken" not in told
    assert ada.last("participant-joined")["participant"]["id"] == bob.id
    assert ada.seen(bob)["role"] == "guest"


async def test_who_previews_first_and_enters_first_is_host(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada", preview=True)
    bob = await joined(rooms, "Bob", preview=True)
    await bob.ask("enter")
    await ada.ask("enter")
    assert "hostToken" in bob.last("entered")
    assert "hostToken" not in ada.last("entered")
    assert ada.seen(bob)["role"] == "host"


async def test_a_full_room_leaves_one_in_the_lobby(rooms: Rooms) -> None:
    bob = await joined(rooms, "Bob", preview=True)
    people = [await joined(rooms, str(i)) for i in range(3)]
    assert await bob.refused("enter") == "room-full"
    await people[0].ask("leave")
    await people[0].session.end()
    await bob.ask("enter")
    assert bob.told("entered")


async def test_the_host_token(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    token = ada.last("joined")["hostToken"]
    bob = await joined(rooms, "Bob", hostToken=token)
    assert bob.seen(bob)["role"] == "host"
    eve = await joined(rooms, "Eve", hostToken="guessed")
    assert eve.seen(eve)["role"] == "guest"
    await eve.ask("enter", hostToken=token)
    assert ada.seen(eve)["role"] == "host"


async def test_a_lost_connection_keeps_everything(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada", background="fjord")
    bob = await joined(rooms, "Bob")
    await ada.ask("hand", raised=True)
    hand = bob.seen(ada)["hand"]
    seat, token = ada.last("joined")["seat"], ada.last("joined")["hostToken"]
    await ada.session.end()
    assert not bob.seen(ada)["connected"]
    again = await joined(rooms, "ignored", seat=seat, background="blur")
    told = again.last("joined")
    assert (again.id, told["state"], told["background"], told["hostToken"]) == (
        ada.id,
        "room",
        "fjord",
        token,
    )
    assert bob.seen(ada) == bob.seen(ada) | {"name": "Ada", "role": "host", "hand": hand, "connected": True}


async def test_a_seat_in_the_lobby_is_kept_too(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada", preview=True)
    await ada.session.end()
    again = await joined(rooms, "Ada", seat=ada.last("joined")["seat"])
    assert (again.id, again.last("joined")["state"]) == (ada.id, "lobby")


async def test_the_newer_connection_has_the_seat(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    again = await joined(rooms, "Ada", seat=ada.last("joined")["seat"])
    error = ada.last("error")
    assert (error["code"], error["fatal"]) == ("replaced", True)
    await ada.session.end()
    assert again.session.membership.participant.connected
    assert again.session.membership.hold is None


async def test_two_connections_want_one_seat_at_once(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RTCPeerConnection] = []

    def connect(config: Config) -> RTCPeerConnection:
        made.append(ice.connect(config))
        return made[-1]

    monkeypatch.setattr("server.peers.subscriber.connect", connect)
    ada = await joined(rooms, "Ada")
    first, second = Guest(rooms), Guest(rooms)
    seat = ada.last("joined")["seat"]
    await asyncio.gather(first.join(seat=seat), second.join(seat=seat))
    for guest in (ada, first):
        assert [m["code"] for m in guest.told("error")] == ["replaced"]
        assert guest.session.over
    assert not second.told("error")
    assert [connection.connectionState for connection in made] == ["closed", "closed", "new"]


async def test_the_seat_is_taken_while_an_offer_is_answered(rooms: Rooms, gate: Gate) -> None:
    ada = await joined(rooms, "Ada")
    sdp = await offer("sendonly", "audio")
    answering = asyncio.create_task(ada.refused("offer", connection="publish", sdp=sdp))
    await gate.reached()
    again = await joined(rooms, "Ada", seat=ada.last("joined")["seat"])
    gate.open()
    assert await answering == "not-connected"
    await again.ask("offer", connection="publish", sdp=sdp)
    assert [connection.connectionState for connection in gate.waiting] == ["closed", "new"]


async def test_somebody_is_removed_while_their_offer_is_answered(rooms: Rooms, gate: Gate) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    publisher, sdp = bob.session.membership.participant.publisher, await offer("sendonly", "audio")
    answering = asyncio.create_task(bob.refused("offer", connection="publish", sdp=sdp))
    await gate.reached()
    await ada.ask("remove", participant=bob.id)
    gate.open()
    assert await answering == "not-connected"
    assert publisher.connection is None
    assert [connection.connectionState for connection in gate.waiting] == ["closed"]


async def test_sharing_is_forbidden_while_a_screen_is_answered(rooms: Rooms, gate: Gate) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    sdp = await offer("sendonly", "video")
    answering = asyncio.create_task(bob.refused("offer", connection="screen", sdp=sdp))
    await gate.reached()
    await ada.ask("policy", policy={"screenShare": "hosts"})
    gate.open()
    assert await answering == "screen-forbidden"
    assert [connection.connectionState for connection in gate.waiting] == ["closed"]


async def test_a_seat_from_before_the_server_was_restarted(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada", seat="of another life", background="upload:gone", hostToken="old")
    told = ada.last("joined")
    assert (told["state"], told["background"], told["redirected"]) == ("room", "blur", "unknown-background")
    assert ada.seen(ada)["role"] == "host"


async def test_a_seat_is_good_in_its_own_room_only(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    other = await joined(rooms, "Ada", room="other", seat=ada.last("joined")["seat"])
    assert other.id != ada.id


async def test_leaving(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    await ada.ask("leave")
    await ada.session.end()
    assert bob.last("participant-left") == {
        "type": "participant-left",
        "participant": ada.id,
        "reason": "left",
    }
    assert bob.seen(bob)["role"] == "host"
    await bob.ask("leave")
    await bob.session.end()
    assert rooms.open_rooms.all() == []


async def test_unknown_messages(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    for kind in ("join", "dance", "__class__"):
        assert await ada.refused(kind) == "unknown-type"


async def test_who_speaks_is_told_unless_muted(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    room, audio = ada.session.membership.room, bob.session.membership.participant.audio

    def speak(now: float) -> None:
        audio.receive(AudioPacket(b"opus", 0, 20, True))
        room.observe(now)

    await bob.ask("media", audio=True, video=False)
    ada.messages.clear()
    speak(1.0)
    assert ada.told("speaker") == [{"type": "speaker", "participant": bob.id, "speaking": [bob.id]}]
    await ada.ask("mute", participant=bob.id)
    for i in range(10):
        speak(2.0 + i / 4)
    assert ada.last("speaker") == {"type": "speaker", "participant": bob.id, "speaking": []}
    eve = await joined(rooms, "Eve")
    assert eve.last("speaker")["participant"] == bob.id


async def test_chat_hands_and_reactions(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    await ada.ask("chat", text=" Hello <b>you</b> ")
    for guest in (ada, bob):
        chat = guest.last("chat")["chat"]
        assert (chat["participant"], chat["name"], chat["text"]) == (ada.id, "Ada", "Hello <b>you</b>")
        assert abs(chat["time"] / 1000 - time.time()) < 5
    await bob.ask("chat", text="Psst", to=ada.id)
    eve = await joined(rooms, "Eve")
    assert [ada.last("chat")["chat"]["to"], bob.last("chat")["chat"]["to"]] == [ada.id, ada.id]
    await ada.ask("chat", text="Only you", to=bob.id)
    assert [each["text"] for each in eve.last("joined")["chat"]] == ["Hello <b>you</b>"]
    assert eve.told("chat") == []
    assert await ada.refused("chat", text="Who?", to="p0") == "unknown-participant"
    await bob.ask("reaction", reaction="🎉")
    assert ada.last("reaction") == {"type": "reaction", "participant": bob.id, "reaction": "🎉"}
    assert await bob.refused("reaction", reaction="🍕") == "bad-message"
    await bob.ask("hand", raised=True)
    raised = ada.seen(bob)["hand"]
    await bob.ask("hand", raised=True)
    assert ada.seen(bob)["hand"] == raised
    await bob.ask("hand", raised=False)
    assert ada.seen(bob)["hand"] is None


async def test_totals_keep_those_who_left(rooms: Rooms) -> None:
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    bob.session.membership.participant.video.received = 7
    await ada.ask("totals")
    before = ada.last("totals")
    assert (before["received"], before["participants"], before["raw"]) == (7, 2, 0)
    bob.session.membership.participant.video.sent = 2
    await ada.ask("totals")
    assert ada.last("totals")["raw"] == 2
    await bob.ask("leave")
    await bob.session.end()
    await ada.ask("totals")
    after = ada.last("totals")
    assert (after["received"], after["participants"], after["raw"]) == (7, 1, 2)


async def test_why_the_picture_is_worse(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    ada.session.report(time.monotonic())
    report = ada.last("filter")
    assert (report["degraded"], report["reason"], report["raw"]) == (None, None, 0)
    assert report["model"] == ada.last("joined")["model"]
    ada.session.membership.participant.govern(Level(10.0, 250_000))
    ada.session.report(time.monotonic())
    report = ada.last("filter")
    assert report["degraded"] == "overload"
    assert "busy" in report["reason"]


async def test_a_camera_is_asked_for_what_is_shown_of_it_whenever_that_changes(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    membership = ada.session.membership
    membership.ask_camera()
    assert not ada.told("camera")
    membership.participant.govern(Level(18.2, 250_000))
    for _ in range(2):
        membership.participant.ask(time.monotonic(), pressed=True, pixels=USUAL_PICTURE)
        membership.ask_camera()
    assert len(ada.told("camera")) == 1
    assert ada.last("camera") == {"type": "camera", "frameRate": 20, "scaleDown": 2.0}
    membership.forget_told()  # another page begins with what everybody may send
    membership.ask_camera()
    assert len(ada.told("camera")) == 2


async def test_who_takes_no_messages_is_asked_for_fewer_bits(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await joined(rooms, "Ada")
    membership, asked = ada.session.membership, list[int | None]()
    monkeypatch.setattr(membership.participant.video, "ask_for", asked.append)
    membership.send = None
    membership.ask_camera()
    membership.participant.govern(Level(14.0, 250_000))
    membership.participant.ask(time.monotonic(), pressed=True, pixels=USUAL_PICTURE)
    membership.ask_camera()
    assert asked == [None, rooms.config.max_bitrate // 2]


async def test_a_picture_that_goes_round_the_filter_is_told_as_raw(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    participant = ada.session.membership.participant
    participant.video.sent += 3
    participant.filter.outcomes[Outcome.FILTERED] += 2
    ada.session.report(time.monotonic())
    assert ada.last("filter")["raw"] == 1


async def test_a_full_blur_is_told_as_such_and_not_as_a_placeholder(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    made = ada.session.membership.participant.filter
    made.outcomes.update({Outcome.FULL_BLUR: 4, Outcome.PLACEHOLDER: 2, Outcome.REPEATED: 1})
    ada.session.report(time.monotonic())
    await ada.ask("totals")
    for told in (ada.last("filter"), ada.last("totals")):
        assert (told["covered"], told["slated"], told["repeated"]) == (4, 2, 1)


def test_what_reaches_others_costs_more() -> None:
    assert cost({"type": "chat"}) == cost({"type": "caption"}) > cost({"type": "candidate"})
    assert cost({}) == cost({"type": ["chat"]}) == 1.0


async def test_a_fresh_subscribe_connection(rooms: Rooms) -> None:
    ada = await joined(rooms, "Ada")
    participant = ada.session.membership.participant
    before = participant.subscriber
    assert await ada.refused("restart", connection="publish") == "bad-message"
    await ada.ask("restart", connection="subscribe")
    assert participant.subscriber is not None
    assert participant.subscriber is not before
