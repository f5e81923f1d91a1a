"""How many files a room's chat holds, how large they are, and who gets them."""

from __future__ import annotations

import pytest

from server.access.policy import RoomPolicy
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.token_bucket import TokenBucket
from server.rooms.files import BURST, MAX_FILES, RATE, SharedFile, SharedFiles

LIMITS = Config(max_file=10, max_files_participant=20, max_files_room=35)
ALL = 50  # bytes, in all rooms


class Shelf:
    """The files of two rooms, and a clock that is late enough for any rate."""

    def __init__(self) -> None:
        self.memory = TokenBucket(ALL)
        self.one, self.other = SharedFiles(LIMITS, self.memory), SharedFiles(LIMITS, self.memory)
        self.now = 0.0

    def put(self, who: str, size: int, to: str | None = None, files: SharedFiles | None = None) -> SharedFile:
        self.now += 1 / RATE
        with (files or self.one).space(who, size, self.now) as keep:
            return keep("name.txt", b"x" * size, to)

    def refused(self, who: str, size: int, files: SharedFiles | None = None) -> str:
        with pytest.raises(SignalingError) as error:
            self.put(who, size, files=files)
        return error.value.code


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_a_file_has_a_name_of_its_own_to_be_fetched_by(shelf: Shelf) -> None:
    one, two = shelf.put("ada", 3), shelf.put("ada", 3)
    assert one.id != two.id
    assert "name" not in one.id
    assert shelf.one.find(one.id, "bob").data == b"xxx"
    assert one.describe() == {"id": one.id, "size": 3}


@pytest.mark.parametrize(("size", "code"), [(0, "bad-file"), (-1, "bad-file"), (11, "too-large")])
def test_a_file_has_a_size(shelf: Shelf, size: int, code: str) -> None:
    assert shelf.refused("ada", size) == code


def test_a_person_a_room_and_the_server_are_full(shelf: Shelf) -> None:
    for _ in range(2):
        shelf.put("ada", 10)
    assert shelf.refused("ada", 1) == "files-full"
    shelf.put("bob", 10)
    assert shelf.refused("bob", 10) == "files-full"  # five are left in the room
    shelf.put("bob", 5)
    shelf.put("eve", 10, files=shelf.other)
    assert shelf.refused("eve", 6, shelf.other) == "files-full"
    shelf.one.clear()
    shelf.put("eve", 6, files=shelf.other)
    shelf.put("ada", 10)


def test_what_is_refused_or_does_not_come_takes_no_memory(shelf: Shelf) -> None:
    for _ in range(20):
        shelf.now += 1 / RATE
        with pytest.raises(ConnectionError), shelf.one.space("ada", 10, shelf.now):
            raise ConnectionError
    for _ in range(2):
        shelf.put("ada", 10)
        assert shelf.refused("bob", 11) == "too-large"
    assert not shelf.memory.take(ALL - 19)
    assert shelf.memory.take(ALL - 20)


def test_a_person_puts_in_one_at_a_time_and_others_need_not_wait(shelf: Shelf) -> None:
    with shelf.one.space("ada", 10, 0.0):
        assert shelf.refused("ada", 1) == "upload-busy"
        shelf.put("bob", 10)
    shelf.put("ada", 1)


def test_so_many_at_once_and_so_many_in_all() -> None:
    files = SharedFiles(Config(), TokenBucket(1 << 30))

    def put(now: float) -> None:
        with files.space("ada", 1, now) as keep:
            keep("name.txt", b"x", None)

    for _ in range(BURST):
        put(0.0)
    with pytest.raises(SignalingError, match="short time"):
        put(0.0)
    for k in range(MAX_FILES - BURST):
        put((k + 1) / RATE)
    with pytest.raises(SignalingError, match=f"{MAX_FILES} files"):
        put(1000 / RATE)


def test_a_private_file_is_for_two_and_goes_with_its_reader(shelf: Shelf) -> None:
    file = shelf.put("ada", 10, "bob")
    for who in ("ada", "bob"):
        assert shelf.one.find(file.id, who) is file
    for who, key in (("eve", file.id), ("ada", "nothing")):
        with pytest.raises(SignalingError) as error:
            shelf.one.find(key, who)
        assert error.value.code == "unknown-file"
    shelf.one.leave("bob", removed=False)
    with pytest.raises(SignalingError):
        shelf.one.find(file.id, "ada")
    assert shelf.memory.take(ALL)


def test_files_stay_when_people_leave_unless_a_host_has_removed_them(shelf: Shelf) -> None:
    of_ada, of_bob = shelf.put("ada", 10), shelf.put("bob", 10)
    shelf.one.leave("ada", removed=False)
    assert shelf.one.find(of_ada.id, "eve")
    shelf.one.leave("bob", removed=True)
    with pytest.raises(SignalingError):
        shelf.one.find(of_bob.id, "eve")


@pytest.mark.parametrize(("limit", "policy"), [(10, RoomPolicy()), (0, RoomPolicy(files=True))])
def test_off_until_server_and_policy_say_so(limit: int, policy: RoomPolicy) -> None:
    SharedFiles(LIMITS, TokenBucket(ALL)).permit(RoomPolicy(files=True))
    with pytest.raises(SignalingError) as error:
        SharedFiles(Config(max_file=limit), TokenBucket(ALL)).permit(policy)
    assert error.value.code == "files-forbidden"
