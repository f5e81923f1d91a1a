"""What somebody may stand in front of, and what becomes of uploads."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from filters.backgrounds.background import decode_picture
from filters.base import FilterError
from server.access.policy import RoomPolicy
from server.config.options import Config
from server.core.errors import SignalingError
from server.rooms.backgrounds import THUMBNAIL, BackgroundLibrary, Upload, builtin_backgrounds, read_upload

UPLOAD = Upload(b"jpeg", b"thumbnail")


def png(width: int, height: int) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


@pytest.fixture
def library() -> BackgroundLibrary:
    return BackgroundLibrary(Config(max_uploads_per_participant=2), {"shared": UPLOAD})


@pytest.mark.parametrize("name", ["blur", "Blur-Strong", "#AABBCC", "fjord", "upload:shared"])
def test_known_backgrounds(library: BackgroundLibrary, name: str) -> None:
    assert library.background(name)


@pytest.mark.parametrize(
    "name", ["", "atlantis", "#12345", "upload:", "upload:gone", "../fjord", "/etc/passwd"]
)
def test_unknown_backgrounds(library: BackgroundLibrary, name: str) -> None:
    with pytest.raises(SignalingError) as error:
        library.background(name)
    assert error.value.code == "unknown-background"


def test_an_upload_is_there_until_it_is_deleted(library: BackgroundLibrary) -> None:
    info = library.add(UPLOAD, "studio")
    name = str(info["id"])
    key = name.removeprefix("upload:")
    assert info["thumbnail"] == f"/api/rooms/studio/backgrounds/{key}.jpg"
    assert library.background(name)
    assert library.has(name)
    assert library.delete(key)
    assert not library.delete(key)
    assert not library.has(name)


def test_no_more_uploads_than_allowed(library: BackgroundLibrary) -> None:
    for _ in range(2):
        library.add(UPLOAD, "studio")
    with pytest.raises(SignalingError) as error:
        library.add(UPLOAD, "studio")
    assert error.value.code == "too-many-uploads"


def test_what_is_not_owned_cannot_be_deleted(library: BackgroundLibrary) -> None:
    assert not library.delete("shared")
    assert library.upload("shared") is None


@pytest.mark.parametrize(
    ("backgrounds", "ids"),
    [
        ("blur", ["blur", "blur-strong"]),
        (("fjord", "#102030", "upload:shared"), ["fjord", "#102030", "upload:shared"]),
    ],
)
def test_the_list_follows_the_policy(
    library: BackgroundLibrary, backgrounds: tuple[str, ...], ids: list[str]
) -> None:
    listed = library.list("studio", RoomPolicy(backgrounds=backgrounds))
    assert [info["id"] for info in listed] == ids


def test_with_any_everything_is_listed_and_ones_own_is_marked(library: BackgroundLibrary) -> None:
    mine = library.add(UPLOAD, "studio")["id"]
    listed = {info["id"]: info for info in library.list("studio", RoomPolicy())}
    assert set(listed) == {str(info["id"]) for info in builtin_backgrounds()} | {mine, "upload:shared"}
    assert listed[mine]["mine"]
    assert "mine" not in listed["upload:shared"]


def test_an_upload_is_decoded_and_shrunk() -> None:
    upload = read_upload(png(4000, 3000), Config())
    assert decode_picture(upload.picture).shape == (1440, 1920, 3)
    thumbnail = cv2.imdecode(np.frombuffer(upload.thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert thumbnail is not None
    assert thumbnail.shape[1::-1] == THUMBNAIL


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(FilterError):
        read_upload(png(200, 100), Config(max_upload_pixels=10_000))
