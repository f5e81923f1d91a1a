"""The backgrounds that a participant may choose: built in, or uploaded by that participant."""

from __future__ import annotations

import re
import secrets
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from filters.background import BUILTIN, Background, Picture, decode_picture, encode_jpeg, parse_background
from filters.base import FilterError
from server.config import PICTURES, Config
from server.policy import SignalingError

THUMBNAIL = (256, 144)
UPLOAD = "upload:"
COLOR = re.compile(r"#[0-9a-f]{6}")
TITLES = {"blur": "Soft blur", "blur-strong": "Strong blur"}

BackgroundInfo: TypeAlias = dict[str, Any]
"""A Background of the signalling protocol."""


class _Upload(NamedTuple):
    image: NDArray[np.uint8]
    thumbnail: bytes


class Wardrobe:
    """What one participant can stand in front of. Uploads live in memory and end with the participant."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._uploads: dict[str, _Upload] = {}

    def background(self, name: str) -> Background:
        """Return a fresh background for one stream, or raise SignalingError unknown-background."""
        if name.startswith(UPLOAD):
            upload = self._uploads.get(name.removeprefix(UPLOAD))
            if upload is None:
                raise SignalingError("unknown-background", "This picture was not uploaded here, or is gone.")
            return Picture(upload.image)
        try:
            return parse_background(name.lower(), PICTURES)
        except FilterError as error:
            raise SignalingError("unknown-background", str(error)) from error

    def add(self, data: bytes, room: str) -> BackgroundInfo:
        """Keep an uploaded picture (JPEG, PNG or WebP); raise FilterError when it can't be used."""
        if len(self._uploads) >= self._config.max_uploads_per_participant:
            raise FilterError(
                f"no more than {self._config.max_uploads_per_participant} pictures; delete one first"
            )
        image = decode_picture(data, self._config.max_upload_pixels)
        key = secrets.token_urlsafe(12)
        self._uploads[key] = _Upload(image, encode_jpeg(image, THUMBNAIL))
        return _upload_info(key, room)

    def thumbnail(self, key: str) -> bytes | None:
        """Return the JPEG thumbnail of an upload."""
        upload = self._uploads.get(key)
        return None if upload is None else upload.thumbnail

    def delete(self, key: str) -> bool:
        """Forget an upload; tell whether there was one."""
        return self._uploads.pop(key, None) is not None

    def list(self, room: str) -> list[BackgroundInfo]:
        """Return everything to choose from."""
        return builtin_backgrounds() + [_upload_info(key, room) for key in self._uploads]


def builtin_backgrounds() -> list[BackgroundInfo]:
    """Return the backgrounds that everybody has, as the protocol describes them."""
    blurs = [_info(name, "blur", title) for name, title in TITLES.items()]
    return blurs + [_info(name, "picture", title) for name, title in BUILTIN.items()]


def _info(name: str, kind: str, title: str) -> BackgroundInfo:
    return {"id": name, "kind": kind, "title": title, "thumbnail": f"/static/backgrounds/{name}.thumb.jpg"}


def _upload_info(key: str, room: str) -> BackgroundInfo:
    thumbnail = f"/api/rooms/{room}/backgrounds/{key}.jpg"
    return {
        "id": UPLOAD + key,
        "kind": "picture",
        "title": "Your picture",
        "thumbnail": thumbnail,
        "mine": True,
    }
