"""What somebody may stand in front of, and what becomes of uploads."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest

from filters.backgrounds.background import PictureFile, decode_picture
from filters.base import FilterError, new_frame
from server.access.policy import RoomPolicy
from server.config.options import ROOT, Config
from server.core.errors import SignalingError
from server.rooms.backgrounds import BackgroundLibrary, Upload, builtin_backgrounds, read_upload
from server.rooms.upload_program import THUMBNAIL

pytestmark = pytest.mark.slow

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


def chunk(name: bytes, content: bytes, length: int | None = None) -> bytes:
    stated = len(content) if length is None else length
    return struct.pack(">I", stated) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(width: int, height: int, depth: int, colours: int, *chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks)


@pytest.mark.parametrize("length", [0x0FFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("name", [b"IDAT", b"iCCP", b"zTXt", b"tRNS", b"eXIf", b"abCd"])
def test_a_chunk_that_claims_more_than_there_is_costs_nothing(name: bytes, length: int) -> None:
    with pytest.raises(FilterError, match="damaged"):
        decode_picture(png_of(60, 40, 8, 6, chunk(name, b"x" * 20, length)))


def cost_of(data: bytes) -> tuple[str, float]:
    """Return what becomes of an upload, and by how many megabytes its reading lets this process grow."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read_upload(data, Config())
        said = "accepted"
    except FilterError as error:
        said = str(error)
    return said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "colours", "channels"), [(16, 6, 4), (16, 4, 2), (8, 2, 3)])
def test_forty_million_pixels_are_decoded_elsewhere(depth: int, colours: int, channels: int) -> None:
    side = 6324
    packer = zlib.compressobj(6)
    line = b"\0" + bytes(side * channels * depth // 8)
    data = b"".join([*(packer.compress(line) for _ in range(side)), packer.flush()])
    said, grown = cost_of(png_of(side, side, depth, colours, chunk(b"IDAT", data), chunk(b"IEND", b"")))
    assert said == "accepted"
    assert grown < 100


@pytest.mark.parametrize(("width", "height"), [(30_000, 1_200), (1_000, 40_000), (6_300, 6_300), (65_000, 1)])
def test_what_is_accepted_can_be_shown(width: int, height: int) -> None:
    data = cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 50])[1]
    upload = read_upload(data.tobytes(), Config())
    shown = decode_picture(upload.picture)
    assert max(shown.shape[:2]) <= 3840
    background = PictureFile(upload.picture)
    for size in ((640, 360), (360, 640)):
        _, planes = new_frame(*size)
        assert background.paint(planes, planes.y, 0.0).size == size


def test_the_program_reaches_nothing_and_takes_no_more_than_its_share() -> None:
    tried = """
import resource, socket, sys
from server.core.confinement import confine
confine(1 << 28, 5)
for attempt in (lambda: bytearray(1 << 29), lambda: socket.socket(), lambda: open("/etc/hostname")):
    try:
        attempt()
    except (MemoryError, OSError) as error:
        print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, cwd=ROOT, check=True)
    names = done.stdout.split()
    assert names[-2:] == ["OSError", "OSError"]
    assert names[0] == "MemoryError" or sys.platform != "linux"
