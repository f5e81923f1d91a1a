"""Receipts: what became of the frames of one participant's camera, signed by the server. docs/receipts.md.

What is signed (Ed25519, RFC 8032) is the canonical JSON (RFC 8785) of everything but the signature. The key is named
by its thumbprint (RFC 7638), which is also its `kid` as a JSON Web Key (RFC 8037).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.access.policy import RoomPolicy
from server.core.errors import ReceiptError
from server.receipts.frame_counters import Frames

logger = logging.getLogger(__name__)

VERSION = 1  # of the format of receipts
MAX_KEPT = 1000  # receipts in memory; the oldest go first; chosen
FIELDS = frozenset(
    (
        *("version", "room", "participant", "start", "end", "policies", "model", "deviceFilter", "frames"),
        *("key", "signature"),
    )
)

Receipt: TypeAlias = dict[str, Any]


class Subject(Protocol):
    """Whose frames a receipt is about; `since` in ms since 1970."""

    @property
    def id(self) -> str: ...

    @property
    def since(self) -> int: ...

    @property
    def policies(self) -> Iterable[RoomPolicy]: ...

    @property
    def frames(self) -> Frames: ...

    @property
    def filtered_on_device(self) -> Literal["always", "sometimes", "never"]: ...


def canonical(value: object) -> bytes:
    """Return JSON with sorted keys, without spaces, in UTF-8; as RFC 8785 for texts, integers, lists and objects."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def policy_hash(policy: RoomPolicy) -> str:
    """Return the SHA-256 of a Policy's canonical JSON."""
    return hashlib.sha256(canonical(policy.describe())).hexdigest()


def public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """Return the JSON Web Key, with its thumbprint as `kid`."""
    thumbed = {"crv": "Ed25519", "kty": "OKP", "x": _base64(key.public_bytes_raw())}
    kid = _base64(hashlib.sha256(canonical(thumbed)).digest())
    return thumbed | {"kid": kid, "alg": "EdDSA", "use": "sig"}


def sign(key: Ed25519PrivateKey, content: Mapping[str, Any]) -> Receipt:
    """Return the receipt with this content."""
    signed = {**content, "key": public_jwk(key.public_key())["kid"]}
    return signed | {"signature": _base64(key.sign(canonical(signed)))}


def check(receipt: object, key: Ed25519PublicKey) -> Receipt:
    """Return a receipt that is signed with a key and whose counters add up. Raises ReceiptError."""
    if not isinstance(receipt, dict) or receipt.keys() != FIELDS:
        raise ReceiptError("this is not a receipt")
    if receipt["version"] != VERSION:
        raise ReceiptError("this receipt is of another version")
    kid = public_jwk(key)["kid"]
    if receipt["key"] != kid:
        raise ReceiptError(f"this receipt names another key: {str(receipt['key'])[:60]}, not {kid}")
    signed = {name: value for name, value in receipt.items() if name != "signature"}
    try:
        key.verify(unbase64(receipt["signature"]), canonical(signed))
    except (InvalidSignature, ValueError):
        raise ReceiptError("the signature does not fit: the receipt is forged or has been changed") from None
    check_frames(receipt["frames"])
    if receipt["deviceFilter"] not in ("always", "sometimes", "never"):
        raise ReceiptError("what this receipt says about the device can't be read")
    return receipt


def check_frames(told: object) -> None:
    """Raise ReceiptError for counters that contradict each other or tell of a raw frame."""
    names = {*Frames._fields, "withheld", "raw"}
    if not isinstance(told, dict) or told.keys() != names or not all(type(n) is int for n in told.values()):
        raise ReceiptError("the frames of this receipt can't be read")
    frames = Frames(*(told[name] for name in Frames._fields))
    if frames.describe() != told or min(told.values()) < 0 or frames.sent > frames.encoded:
        raise ReceiptError("the frames of this receipt do not add up")
    if frames.raw:
        raise ReceiptError(f"{frames.raw} pictures were sent that the filter had not made")


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64(text: object) -> bytes:
    """Read base64url without padding, in the one way in which these bytes are written. Raises ValueError."""
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("not base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64(data) != text:
        raise ValueError("not base64url")
    return data


def read_json(text: str | bytes) -> Any:  # noqa: ANN401 - any value of JSON
    """Read JSON that means the same to every reader, as RFC 7493 asks. Raises ValueError, RecursionError."""
    return json.loads(text, object_pairs_hook=_object)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a name is there twice, of which readers see one or the other")
    return found


class Receipts:
    """Issues receipts and keeps the latest in memory; all of them in a folder, if there is one."""

    def __init__(self, key: Ed25519PrivateKey, model: str, folder: Path | None) -> None:
        """Take the checksum of the network, too."""
        self.key = key
        self._model = model
        self._folder = folder
        self._kept: dict[str, Receipt] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def issue(self, room: str, participant: Subject) -> Receipt | None:
        """Return the receipt of a publication that has ended; None for one without frames, or the second time."""
        frames = participant.frames
        if not frames.received or participant.id in self._kept:
            return None
        receipt = sign(
            self.key,
            {
                "version": VERSION,
                "room": room,
                "participant": participant.id,
                "start": participant.since,
                "end": round(time.time() * 1000),
                "policies": [policy_hash(policy) for policy in participant.policies],
                "model": self._model,
                "deviceFilter": participant.filtered_on_device,
                "frames": frames.describe(),
            },
        )
        if frames.raw:
            logger.critical("%d raw frames of participant %s were sent", frames.raw, participant.id)
        self._keep(receipt)
        return receipt

    def of(self, room: str) -> list[Receipt]:
        """Return the receipts of a room that are still known, oldest first."""
        return [receipt for receipt in self._kept.values() if receipt["room"] == room]

    async def close(self) -> None:
        """Wait until all are written."""
        await asyncio.gather(*self._writing)

    def _keep(self, receipt: Receipt) -> None:
        self._kept[receipt["participant"]] = receipt
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        if self._folder is not None:
            task = asyncio.get_running_loop().create_task(asyncio.to_thread(_write, self._folder, receipt))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)


def _write(folder: Path, receipt: Receipt) -> None:
    path = folder / f"{receipt['start']}-{receipt['participant']}.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(canonical(receipt))
    except OSError as error:
        logger.error("the receipt of %s can't be written: %s", receipt["participant"], error.strerror)
