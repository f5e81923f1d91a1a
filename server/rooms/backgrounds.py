"""The backgrounds that a participant may choose: built in, uploaded by that participant, or shared with the room."""

from __future__ import annotations

import builtins
import secrets
import subprocess
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from filters.backgrounds.background import (
    BUILTIN,
    CLIPS,
    Background,
    PictureFile,
    parse_background,
)
from filters.base import FilterError
from server.access.policy import RoomPolicy
from server.config.interpreter import python_command, python_environment
from server.config.options import PICTURES, Config
from server.core.errors import SignalingError
from server.core.messages import UPLOAD, background_id
from server.rooms.upload_program import REFUSED

PATIENCE: Final = 60.0  # seconds for the whole process, on a machine with other things to do
DAMAGED: Final = "the picture is damaged"
TITLES = {"blur": "Soft blur", "blur-strong": "Strong blur"}

BackgroundInfo: TypeAlias = dict[str, Any]
"""A Background of the signalling protocol."""


class Upload(NamedTuple):
    """An uploaded picture and its thumbnail, both JPEG. The file itself is not kept, nor what it tells of its maker."""

    picture: bytes
    thumbnail: bytes


def read_upload(data: bytes, config: Config) -> Upload:
    """Decode a JPEG, PNG or WebP; raise FilterError when it can't be used. Takes long: not for the event loop."""
    limit = str(config.max_upload_pixels)
    command = python_command("server.rooms.upload_program", limit)
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=PATIENCE, env=python_environment(), check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FilterError("the picture takes too long to decode") from error
    if done.returncode == REFUSED:
        raise FilterError(done.stderr.decode(errors="replace")[:200])
    length = int.from_bytes(done.stdout[:4])
    if done.returncode or not 0 < length < len(done.stdout) - 4:
        raise FilterError(DAMAGED)
    return Upload(done.stdout[4 : 4 + length], done.stdout[4 + length :])


class BackgroundLibrary:
    """What one participant can stand in front of. Uploads live in memory and end with the participant.

    `shared` holds the uploads of the room's hosts that its policy names, by key.
    """

    def __init__(self, config: Config, shared: Mapping[str, Upload]) -> None:
        self._config = config
        self._shared = shared
        self._uploads: dict[str, Upload] = {}

    def background(self, name: str) -> Background:
        """Return a fresh background for one stream, or raise SignalingError unknown-background."""
        name = background_id(name)
        if name.startswith(UPLOAD):
            return PictureFile(self._find(name.removeprefix(UPLOAD)).picture)
        try:
            return parse_background(name, PICTURES)
        except FilterError as error:
            raise SignalingError("unknown-background", str(error)) from error

    def has(self, name: str) -> bool:
        """Tell whether a background, known once, still is: uploads may be gone."""
        key = name.removeprefix(UPLOAD)
        return not name.startswith(UPLOAD) or key in self._uploads or key in self._shared

    def _find(self, key: str) -> Upload:
        upload = self._uploads.get(key) or self._shared.get(key)
        if upload is None:
            raise SignalingError("unknown-background", "This picture was not uploaded here, or is gone.")
        return upload

    def expect_space(self) -> None:
        """Raise SignalingError too-many-uploads when one more is too many."""
        limit = self._config.max_uploads_per_participant
        if len(self._uploads) >= limit:
            raise SignalingError("too-many-uploads", f"No more than {limit} pictures; delete one first.")

    def add(self, upload: Upload, room: str) -> BackgroundInfo:
        """Keep an upload; raise SignalingError too-many-uploads."""
        self.expect_space()
        key = secrets.token_urlsafe(12)
        self._uploads[key] = upload
        return _upload_info(key, room, mine=True)

    def upload(self, key: str) -> Upload | None:
        """Return one of the participant's own uploads."""
        return self._uploads.get(key)

    def delete(self, key: str) -> bool:
        """Forget an upload; tell whether there was one."""
        return self._uploads.pop(key, None) is not None

    def list(self, room: str, policy: RoomPolicy) -> builtins.list[BackgroundInfo]:
        """Return everything to choose from under a policy, in its order when it is a list."""
        shared = [_upload_info(key, room, mine=False) for key in self._shared if key not in self._uploads]
        own = [_upload_info(key, room, mine=True) for key in self._uploads]
        known = {info["id"]: info for info in builtin_backgrounds() + shared + own}
        if policy.backgrounds == "any":
            return builtins.list(known.values())
        if policy.backgrounds == "blur":
            return [info for info in known.values() if info["kind"] == "blur"]
        return [known.get(name) or _info(name, "color", name, thumbnail=False) for name in policy.backgrounds]


def builtin_backgrounds() -> list[BackgroundInfo]:
    """Return the backgrounds that everybody has, as the protocol describes them."""
    blurs = [_info(name, "blur", title) for name, title in TITLES.items()]
    pictures = [_info(name, "picture", title) for name, title in BUILTIN.items()]
    return blurs + pictures + [_info(name, "clip", title) for name, title in CLIPS.items()]


def _info(name: str, kind: str, title: str, *, thumbnail: bool = True) -> BackgroundInfo:
    picture = f"/static/backgrounds/{name}.thumb.jpg" if thumbnail else None
    return {"id": name, "kind": kind, "title": title, "thumbnail": picture}


def _upload_info(key: str, room: str, *, mine: bool) -> BackgroundInfo:
    thumbnail = f"/api/rooms/{room}/backgrounds/{key}.jpg"
    title = "Your picture" if mine else "The host's picture"
    info = {"id": UPLOAD + key, "kind": "picture", "title": title, "thumbnail": thumbnail}
    return info | ({"mine": True} if mine else {})
