"""All rooms of a server, without sessions: who may come in, whose seat is held, who gives way, how all ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator

import pytest

from filters.base import FilterError
from filters.matting.segmenter import Segmenter
from server.access.policy import RoomPolicy
from server.access.tokens import Grant
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import Message
from server.rooms.arrivals import LOBBY_SHARE
from server.rooms.membership import Membership
from server.rooms.monitor import Monitor
from server.rooms.participant import Participant
from server.rooms.rooms import Rooms
from tests.support.media import picture_bytes, quarters
from tests.support.painting import camera

Until = Callable[[Callable[[], object]], Awaitable[None]]

LONG = 1000.0  # seconds, which no test waits for
CAPACITY = 3


class Wire:
    """A browser's end of the connection: keeps what it is told."""

    def __init__(self, membership: Membership) -> None:
        self.messages: list[Message] = []
        membership.send = self.messages.append

    @property
    def codes(self) -> list[str]:
        """The codes of the errors so far."""
        return [message["code"] for message in self.messages if message["type"] == "error"]


def visit(rooms: Rooms, name: str = "Ada", room: str = "studio", grant: Grant | None = None) -> Membership:
    """Come into the lobby."""
    return rooms.join(room, name, "", grant or Grant())[0]


def enter(rooms: Rooms, name: str = "Ada", room: str = "studio", grant: Grant | None = None) -> Membership:
    """Come into the room."""
    membership = visit(rooms, name, room, grant)
    assert membership.room.enter(membership)
    return membership


def code(error: pytest.ExceptionInfo[SignalingError]) -> str:
    return error.value.code


async def test_a_newcomer_is_in_the_lobby_and_found_by_the_seat(rooms: Rooms) -> None:
    ada = visit(rooms, " Ada ", "Studio")
    assert ada.participant.name == "Ada"
    assert ada.room.name == "studio"
    assert ada.participant.id in ada.room.roster.lobby
    assert rooms.find(ada.participant.seat, "STUDIO") is ada
    assert rooms.find(ada.participant.seat, "other") is None
    assert list(ada.participant.policies) == [RoomPolicy()]


async def test_a_token_has_the_last_word_on_the_name(rooms: Rooms) -> None:
    assert visit(rooms, "Eve", grant=Grant(identity="ada", name="Ada")).participant.name == "Ada"


@pytest.mark.parametrize(
    ("room", "name", "expected"),
    [("a b", "Ada", "bad-room"), ("studio", " ", "bad-name"), ("", "Ada", "bad-room")],
)
async def test_bad_names_open_no_room(rooms: Rooms, room: str, name: str, expected: str) -> None:
    with pytest.raises(SignalingError) as error:
        rooms.join(room, name, "")
    assert (code(error), error.value.fatal) == (expected, True)
    assert rooms.open_rooms.all() == []


async def test_a_forbidden_background_is_replaced_and_remembered(rooms: Rooms) -> None:
    host = enter(rooms)
    host.room.roster.policy = RoomPolicy(backgrounds="blur")
    bob, redirected = rooms.join("studio", "Bob", "fjord")
    assert redirected == "background-forbidden"
    assert (bob.participant.background, bob.participant.wanted) == ("blur-strong", "fjord")
    cyd, redirected = rooms.join("studio", "Cyd", "blur")
    assert (cyd.participant.background, redirected) == ("blur", None)


async def test_an_unknown_background_is_replaced_by_the_usual_one(rooms: Rooms) -> None:
    ada, redirected = rooms.join("studio", "Ada", "upload:gone")
    assert redirected == "unknown-background"
    assert ada.participant.background != "upload:gone"


async def test_no_room_is_left_when_the_last_one_leaves(rooms: Rooms) -> None:
    ada, bob = enter(rooms), visit(rooms, "Bob")
    await rooms.leave(ada, "left")
    assert rooms.find(ada.participant.seat, "studio") is None
    assert not ada.participant.connected
    assert [room.name for room in rooms.open_rooms.all()] == ["studio"]
    await rooms.leave(ada, "left")  # a second time
    await rooms.leave(bob, "left")
    assert rooms.open_rooms.all() == []


async def test_the_others_are_told_why_somebody_left(rooms: Rooms) -> None:
    ada, bob = enter(rooms), enter(rooms, "Bob")
    wire = Wire(ada)
    await rooms.leave(bob, "lost")
    left = [message for message in wire.messages if message["type"] == "participant-left"]
    assert left == [{"type": "participant-left", "participant": bob.participant.id, "reason": "lost"}]


async def test_a_full_server(rooms: Rooms) -> None:
    enter(rooms, room="one")
    two = enter(rooms, room="two")
    with pytest.raises(SignalingError) as error:
        visit(rooms, room="three")
    assert code(error) == "server-full"
    await rooms.leave(two, "left")
    enter(rooms, room="three")


async def test_in_a_full_server_a_room_without_anybody_gives_way(rooms: Rooms) -> None:
    enter(rooms, room="one")
    deserted = enter(rooms, room="two")
    rooms.lose(deserted, LONG)
    enter(rooms, room="three")
    assert {room.name for room in rooms.open_rooms.all()} == {"one", "three"}
    assert rooms.find(deserted.participant.seat, "two") is None


async def test_a_full_lobby(rooms: Rooms) -> None:
    waiting = [visit(rooms, str(i), grant=Grant(identity=str(i))) for i in range(CAPACITY)]
    with pytest.raises(SignalingError) as error:
        visit(rooms, "late", grant=Grant(identity="late"))
    assert code(error) == "room-full"
    rooms.lose(waiting[1], LONG)  # a seat that is only held gives way
    visit(rooms, "late", grant=Grant(identity="late"))
    assert rooms.find(waiting[1].participant.seat, "studio") is None
    assert rooms.find(waiting[0].participant.seat, "studio") is waiting[0]


async def test_an_identity_is_in_the_lobby_once(rooms: Rooms) -> None:
    first = visit(rooms, grant=Grant(identity="ada"))
    wire = Wire(first)
    second = visit(rooms, grant=Grant(identity="ada"))
    assert wire.codes == ["replaced"]
    assert second.room.memberships == [second]


async def test_a_token_that_names_nobody_has_a_share_of_the_lobby(segmenter: Segmenter) -> None:
    rooms = Rooms(Config(workers=1, max_participants=2 * LOBBY_SHARE), segmenter)
    invitation = Grant(token="jti:invitation")
    for i in range(2):
        visit(rooms, str(i), grant=invitation)
    with pytest.raises(SignalingError) as error:
        visit(rooms, "late", grant=invitation)
    assert code(error) == "too-many-connections"
    visit(rooms, "other", grant=Grant(token="jti:other"))
    await rooms.close()


async def test_nobody_who_was_removed_comes_back(rooms: Rooms) -> None:
    host = enter(rooms)
    host.room.bans.add("p1", "Eve", "their seat")
    with pytest.raises(SignalingError) as error:
        rooms.join("studio", "Eve", "", seats=("their seat",))
    assert code(error) == "removed"
    assert host.room.memberships == [host]


async def test_admission_is_asked_first(rooms: Rooms) -> None:
    def elsewhere(room: str) -> None:
        raise SignalingError("not-here", f"{room} lives on another server.")

    rooms.fence = elsewhere
    with pytest.raises(SignalingError) as error:
        visit(rooms, room="Studio")
    assert error.value.message.startswith("studio ")
    assert rooms.open_rooms.all() == []


async def test_a_server_that_drains_takes_nobody_and_keeps_whom_it_has(rooms: Rooms) -> None:
    ada = enter(rooms)
    rooms.draining = True
    with pytest.raises(SignalingError) as error:
        visit(rooms, "Bob")
    assert (code(error), error.value.fatal) == ("shutting-down", True)
    assert rooms.find(ada.participant.seat, "studio") is ada


async def test_a_seat_is_held_and_taken_back(rooms: Rooms) -> None:
    ada, bob = enter(rooms), enter(rooms, "Bob")
    wire = Wire(bob)
    given_back: list[str] = []
    rooms.lose(ada, LONG)
    ada.give_back = lambda: given_back.append("quota")
    assert ada.held
    assert ada.send is None
    assert not wire.messages[-1]["participant"]["connected"]
    assert ada.participant.id in ada.room.members
    rooms.resume(ada)
    assert not ada.held
    assert given_back == ["quota"]
    assert rooms.find(ada.participant.seat, "studio") is ada


async def test_whoever_still_has_a_seat_that_is_taken_back_is_told(rooms: Rooms) -> None:
    ada = enter(rooms)
    wire = Wire(ada)
    rooms.resume(ada)
    assert wire.codes == ["replaced"]
    assert ada.send is None


async def test_a_seat_that_nobody_takes_back_expires(rooms: Rooms, until: Until) -> None:
    ada, bob = enter(rooms), enter(rooms, "Bob")
    wire = Wire(bob)
    rooms.lose(ada, 0)
    await until(lambda: rooms.find(ada.participant.seat, "studio") is None)
    left = [message for message in wire.messages if message["type"] == "participant-left"]
    assert [message["reason"] for message in left] == ["lost"]
    await until(lambda: ada.participant.subscriber is None and not ada.participant.connected)


async def test_a_seat_has_expired_at_once(rooms: Rooms, until: Until) -> None:
    """Whoever comes back in the same turn of the event loop would have it, and be thrown out, without a word."""
    ada, found = enter(rooms), list[Membership | None]()
    rooms.lose(ada, 0)
    loop = asyncio.get_running_loop()
    loop.call_later(0, lambda: found.append(rooms.find(ada.participant.seat, "studio")))
    await until(lambda: found)
    assert found == [None]
    await until(lambda: not ada.participant.connected)


async def test_a_seat_that_is_taken_back_in_time_does_not_expire(rooms: Rooms, until: Until) -> None:
    ada, bob, cyd = enter(rooms), enter(rooms, "Bob"), enter(rooms, "Cyd")
    rooms.lose(ada, 0)
    rooms.resume(ada)
    rooms.lose(cyd, 0)
    rooms.lose(cyd, LONG)  # the latest word counts
    rooms.lose(bob, 0)  # later, so it would be the last to expire
    await until(lambda: rooms.find(bob.participant.seat, "studio") is None)
    assert ada.room.memberships == [ada, cyd]


async def test_the_expelled_are_told_and_get_their_receipt(rooms: Rooms) -> None:
    ada, bob = enter(rooms), enter(rooms, "Bob")
    wire = Wire(bob)
    for frame in camera(2):
        bob.participant.video.receive(frame)
    await rooms.expel(bob, SignalingError("removed", "A host has removed you.", fatal=True))
    kinds = [message["type"] for message in wire.messages]
    assert kinds[-2:] == ["receipt", "error"]  # the error is the last thing that is said
    assert wire.messages[-2]["receipt"]["frames"]["received"] == 2
    assert ada.room.memberships == [ada]


@pytest.mark.slow
async def test_an_upload_is_kept_for_who_sent_it(rooms: Rooms) -> None:
    ada, bob = enter(rooms), enter(rooms, "Bob")
    info = await rooms.upload(ada, picture_bytes(quarters(64, 48), ".png"))
    assert info["mine"]
    ada.participant.choose(info["id"], RoomPolicy())
    with pytest.raises(SignalingError):
        bob.participant.choose(info["id"], RoomPolicy())
    with pytest.raises(FilterError):
        await rooms.upload(ada, b"no picture")
    assert ada.participant.background == info["id"]


async def test_uploads_that_the_policy_or_the_limit_forbids(segmenter: Segmenter) -> None:
    rooms = Rooms(Config(workers=1, max_uploads_per_participant=0), segmenter)
    host, guest = enter(rooms), enter(rooms, "Bob")
    host.room.roster.policy = RoomPolicy(backgrounds="blur")
    with pytest.raises(SignalingError) as error:
        await rooms.upload(guest, b"")
    assert code(error) == "background-forbidden"
    with pytest.raises(SignalingError) as error:
        await rooms.upload(host, b"")
    assert code(error) == "too-many-uploads"
    await rooms.close()


@pytest.fixture
async def closing(config: Config, segmenter: Segmenter) -> Rooms:
    """Rooms that the test itself closes."""
    return Rooms(config, segmenter)


async def test_an_error_in_one_room_stops_no_other(
    rooms: Rooms, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """A flaw in one room's figures keeps nobody else from being told who speaks; the log does not name the room."""
    broken, fine = enter(rooms, "Ada", "broken").room, enter(rooms, "Bob", "fine").room
    failed, observed = list[float](), list[float]()

    class Broken(Monitor):
        def observe(self, now: float, *people: Iterable[Participant]) -> Iterator[Message]:
            failed.append(now)
            raise ZeroDivisionError

    class Fine(Monitor):
        def observe(self, now: float, *people: Iterable[Participant]) -> Iterator[Message]:
            observed.append(now)
            return super().observe(now, *people)

    broken.monitor, fine.monitor = Broken(1), Fine(1)
    await until(lambda: len(failed) > 1 and len(observed) > 1)
    said = [record.getMessage() for record in caplog.records]
    assert said
    assert not any("broken" in each for each in said)


async def test_the_end_of_the_server_ends_every_room(closing: Rooms) -> None:
    ada, bob, eve = enter(closing), visit(closing, "Bob"), enter(closing, "Eve", "other")
    wires = [Wire(ada), Wire(bob)]
    closing.lose(eve, LONG)
    ada.participant.video.receive(next(camera(1)))
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    await closing.close()
    for wire in wires:
        assert wire.codes == ["shutting-down"]
        assert all(message["fatal"] for message in wire.messages if message["type"] == "error")
    kinds = [message["type"] for message in wires[0].messages]
    assert kinds.index("receipt") < kinds.index("error")
    assert closing.open_rooms.all() == []
    assert not eve.held
    assert not any(membership.participant.connected for membership in (ada, bob, eve))
    assert all(task.done() for task in tasks)
