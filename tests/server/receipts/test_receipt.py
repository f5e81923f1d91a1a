"""Receipts: that they tell what happened, and that nobody can make them tell anything else."""

from __future__ import annotations

import json
import string
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from filters.matting.segmenter import Segmenter
from filters.person import PersonFilter
from server.access.policy import RoomPolicy
from server.access.tokens import Grant, Key, make_token
from server.app import ROOMS
from server.config.options import ROOT, Config
from server.core.errors import ReceiptError
from server.media.codec.transcoder import Transcoder
from server.media.workers.threads import ThreadTranscoding
from server.receipts import receipt as receipt_module
from server.receipts.frame_counters import Frames
from server.receipts.keys import read_public_key
from server.receipts.receipt import Receipt, canonical, check, policy_hash, public_jwk, sign
from server.rooms.participant import Participant
from server.rooms.rooms import Rooms
from tests.support.camera import Camera
from tests.support.guest import Guest
from tests.support.serving import Client, serving

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
FRAMES = Frames(received=100, filtered=80, covered=3, slated=5, repeated=2, encoded=90, sent=89)
CONTENT: dict[str, Any] = {
    "version": 1,
    "room": "studio",
    "participant": "p1",
    "start": 1_719_829_384_123,
    "end": 1_719_829_387_456,
    "policies": [policy_hash(RoomPolicy())],
    "model": "ab" * 32,
    "deviceFilter": "never",
    "frames": FRAMES.describe(),
}


def test_what_is_signed_is_good() -> None:
    receipt = sign(KEY, CONTENT)
    assert check(json.loads(json.dumps(receipt, indent=3)), KEY.public_key()) == receipt
    assert (receipt["frames"]["withheld"], receipt["frames"]["raw"]) == (10, 0)


def test_canonical_json_is_that_of_rfc_8785() -> None:
    assert canonical({"b": [1, True, None], "a": "é\n\u20ac"}) == '{"a":"é\\n€","b":[1,true,null]}'.encode()


def test_the_key_is_named_by_its_thumbprint() -> None:
    """The example of RFC 8037, appendices A.2 and A.3."""
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    jwk = public_jwk(Ed25519PrivateKey.from_private_bytes(private).public_key())
    assert jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert jwk["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("field", sorted(CONTENT))
def test_no_field_can_be_changed(field: str) -> None:
    receipt = sign(KEY, CONTENT)
    changed = receipt[field] + 1 if isinstance(receipt[field], int) else "other"
    with pytest.raises(ReceiptError):
        check(receipt | {field: changed}, KEY.public_key())


def test_counters_cannot_be_changed() -> None:
    receipt = sign(KEY, CONTENT)
    frames = Frames(200, 180, 3, 5, 2, 90, 89).describe()
    with pytest.raises(ReceiptError, match="signature does not fit"):
        check(receipt | {"frames": frames}, KEY.public_key())


@pytest.mark.parametrize(
    "receipt",
    [
        None,
        [],
        {},
        "text",
        sign(KEY, CONTENT) | {"more": 1},
        {**sign(KEY, CONTENT), "version": 2},
        {**sign(KEY, CONTENT), "signature": None},
        {**sign(KEY, CONTENT), "signature": "ä"},
        {**sign(KEY, CONTENT), "signature": "AA"},
        {**sign(KEY, CONTENT), "room": "\ud800"},
    ],
)
def test_what_is_no_receipt(receipt: object) -> None:
    with pytest.raises(ReceiptError):
        check(receipt, KEY.public_key())


@pytest.mark.parametrize("more", ["!!!!", "\n", "=", "==", "AAAA"])
def test_a_signature_is_written_in_one_way_only(more: str) -> None:
    receipt = sign(KEY, CONTENT)
    with pytest.raises(ReceiptError, match="signature does not fit"):
        check(receipt | {"signature": receipt["signature"] + more}, KEY.public_key())


def test_the_bits_that_no_byte_needs_are_zero() -> None:
    """The last letter of 64 bytes holds four more bits than there are left."""
    receipt = sign(KEY, CONTENT)
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    last = alphabet.index(receipt["signature"][-1])
    with pytest.raises(ReceiptError, match="signature does not fit"):
        check(receipt | {"signature": receipt["signature"][:-1] + alphabet[last ^ 1]}, KEY.public_key())


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (Frames(100, 80, 0, 0, 0, 81, 81).describe(), "1 pictures were sent"),
        (Frames(100, 80, 0, 0, 0, 81, 81).describe() | {"raw": 0}, "do not add up"),
        (Frames(10, 80, 0, 0, 0, 80, 80).describe(), "do not add up"),
        (Frames(100, 80, 0, 0, 0, 70, 75).describe(), "do not add up"),
        (FRAMES.describe() | {"withheld": 0}, "do not add up"),
        ({"raw": 0}, "can't be read"),
        (FRAMES.describe() | {"sent": True}, "can't be read"),
        (None, "can't be read"),
    ],
)
def test_a_server_that_signs_what_cannot_be_is_found_out(frames: object, said: str) -> None:
    with pytest.raises(ReceiptError, match=said):
        check(sign(KEY, CONTENT | {"frames": frames}), KEY.public_key())


def participant(rooms: Rooms) -> tuple[Participant, PersonFilter, Transcoder]:
    """Let somebody join; return what works for the camera, too."""
    membership, _ = rooms.join("studio", "Ada", "blur")
    somebody = membership.participant
    assert isinstance(somebody.filter, PersonFilter)
    assert isinstance(somebody.video.transcoder, ThreadTranscoding)
    return somebody, somebody.filter, somebody.video.transcoder.transcoder


async def test_raw_is_what_the_filter_has_not_made(rooms: Rooms) -> None:
    """A picture that goes round the filter is seen as such, because the counters are not one and the same."""
    somebody, person, transcoder = participant(rooms)
    for frame in Camera(160, 96).video_frames(12):
        shown = person.filter(frame)
        if shown is not None:
            transcoder._encode(shown, ["VP8", "H264"], keyframe=False)
    assert somebody.frames.raw == 0
    assert somebody.frames.produced == somebody.frames.encoded > 5
    transcoder._encode(shown, ["VP8"], keyframe=False)  # type: ignore[arg-type]
    assert somebody.frames.raw == 1


async def test_repeated_pictures_and_placeholders_are_not_raw(rooms: Rooms) -> None:
    somebody, person, _ = participant(rooms)
    frames = Camera(160, 96).video_frames(40)
    produced = 0
    for i, frame in enumerate(frames):
        person.full_blur = 10 <= i < 20
        if i == 25:
            person.matte.push = lambda planes: 1 / 0  # type: ignore[assignment, method-assign, return-value]
        produced += person.filter(frame) is not None
    assert somebody.frames.produced == produced
    assert somebody.frames.repeated > 0
    assert somebody.frames.covered > 0


async def left(guest: Guest, frames: int = 3) -> Receipt:
    """Leave after some frames; return the receipt."""
    guest.session.membership.participant.video.received += frames
    await guest.ask("leave")
    await guest.session.end()
    return dict(guest.last("receipt")["receipt"])


async def test_whoever_leaves_gets_one(rooms: Rooms, guest: Any) -> None:  # noqa: ANN401
    ada = guest("Ada Lovelace")
    await ada.join()
    somebody = ada.session.membership.participant
    await ada.ask("policy", policy={"backgrounds": "blur"})
    receipt = await left(ada)
    check(receipt, rooms.receipts.key.public_key())
    assert (receipt["participant"], receipt["room"]) == (somebody.id, "studio")
    assert receipt["model"] == rooms.media.card.sha256
    assert receipt["policies"] == [policy_hash(RoomPolicy()), policy_hash(RoomPolicy(backgrounds="blur"))]
    assert receipt["frames"] == Frames(3, 0, 0, 0, 0, 0, 0).describe()
    assert receipt["start"] <= receipt["end"]
    assert "Lovelace" not in json.dumps(receipt)
    assert rooms.receipts.of("studio") == [receipt]
    assert rooms.receipts.of("attic") == []


async def test_whoever_is_removed_gets_it_before_the_end(rooms: Rooms, guest: Any) -> None:  # noqa: ANN401
    ada, bob = guest("Ada"), guest("Bob")
    await ada.join()
    await bob.join()
    bob.session.membership.participant.video.received += 5
    await ada.ask("remove", participant=bob.id)
    kinds = [message["type"] for message in bob.messages]
    assert kinds.index("receipt") < kinds.index("error")
    assert len(bob.told("receipt")) == 1


async def test_no_camera_no_receipt(rooms: Rooms, guest: Any) -> None:  # noqa: ANN401
    ada = guest("Ada")
    await ada.join()
    await ada.ask("leave")
    await ada.session.end()
    assert not ada.told("receipt")


async def test_only_the_latest_stay_in_memory(
    rooms: Rooms,
    guest: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipt_module, "MAX_KEPT", 2)
    issued = []
    for _ in range(4):
        ada = guest("Ada")
        await ada.join()
        issued.append(await left(ada))
    assert rooms.receipts.of("studio") == issued[2:]


async def test_a_folder_keeps_them_all(segmenter: Segmenter, tmp_path: Path) -> None:
    rooms = Rooms(Config(workers=1, receipts=tmp_path / "kept"), segmenter)
    ada = Guest(rooms)
    await ada.join()
    receipt = await left(ada)
    await rooms.close()
    (file,) = (tmp_path / "kept").iterdir()
    assert json.loads(file.read_text()) == receipt
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_cannot_be_written_costs_nobody_anything(
    segmenter: Segmenter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    rooms = Rooms(Config(workers=1, receipts=tmp_path / "file"), segmenter)
    ada = Guest(rooms)
    await ada.join()
    await left(ada)
    await rooms.close()
    assert "can't be written" in caplog.text


SECRET = "north-" * 6


@pytest.fixture
async def here(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, token_keys={"a": SECRET}), segmenter) as client:
        yield client


async def test_hosts_fetch_them_and_everybody_the_key(here: Client, tmp_path: Path) -> None:
    def bearer(grant: Grant) -> dict[str, str]:
        return {"Authorization": "Bearer " + make_token(Key("a", "HS256", SECRET), grant, 3600)}

    ada = Guest(here.app[ROOMS])
    await ada.join(token=bearer(Grant("studio"))["Authorization"].removeprefix("Bearer "))
    receipt = await left(ada)
    path = "/api/v1/rooms/studio/receipts"
    async with here.get(path, headers=bearer(Grant("studio", role="host"))) as answer:
        assert (answer.status, await answer.json()) == (200, {"receipts": [receipt]})
    for grant, status in ((Grant("studio"), 403), (Grant("attic", role="host"), 403)):
        async with here.get(path, headers=bearer(grant)) as answer:
            assert answer.status == status
    async with here.get("/api/v1/receipt-key") as answer:
        (tmp_path / "key.json").write_text(await answer.text())
    check(receipt, read_public_key(tmp_path / "key.json"))


def test_the_example_in_the_documentation_is_good() -> None:
    blocks = (ROOT / "docs" / "receipts.md").read_text(encoding="utf-8").split("```json\n")[1:]
    receipt, jwk = (json.loads(block.partition("```")[0]) for block in blocks)
    assert check(receipt, KEY.public_key()) == receipt
    assert public_jwk(KEY.public_key()) == jwk
