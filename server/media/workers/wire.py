"""What a server and its workers say to each other: JSON and encoded pictures, in both directions.

A message is its length, the length of a JSON object, the object, and the data that it describes. No clock's time is in
it, so that a worker may be on another machine; and nothing that is read can make a process run anything.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, NamedTuple

from filters.backgrounds.background import Background, read_background, write_background
from filters.effects import Effects
from filters.matting.follow import Point, Target
from filters.matting.segmenter import ModelCard
from server.media.codec.encoder import FilteredVideo
from server.media.codec.frames import EncodedFrame

LENGTH: Final = struct.Struct("!I")
MAX_MESSAGE: Final = 1 << 24  # bytes; chosen


def write_card(card: ModelCard) -> bytes:
    """Return the message with which a server begins: the network that it has read and names."""
    head = {field.name: getattr(card, field.name) for field in fields(card)}
    return message(head | {"path": card.path.name, "network": len(card.network)}, card.network)


def read_card(content: bytes) -> ModelCard:
    """Undo write_card, without the length; raise ValueError, also where the network is not the one that it says."""
    head, network = _split(content)
    if hashlib.sha256(network).hexdigest() != head.get("sha256"):
        raise ValueError("another network than its checksum says")
    shape = {name: tuple(head[name]) for name in ("mean", "std", "size")}
    return ModelCard(**head | shape | {"path": Path(head["path"]), "network": network})


class Job(NamedTuple):
    """One call of a Transcoder, and what has been told to the filter; `frames` None is the end of the camera.

    `background` is None where it is the one before; `plate` is what want_plate was told, None for nothing;
    `follow` is what follow was told, in a tuple, () for nothing.
    """

    camera: int
    frames: list[EncodedFrame] | None
    codecs: list[str]
    keyframe: bool
    reset: bool
    bitrate: int
    network_interval: float
    full_blur: bool
    background: Background | None
    plate: bool | None
    effects: Effects = Effects()
    follow: tuple[()] | tuple[Target | None] = ()


def end_of(camera: int) -> Job:
    """Return the job that has a camera forgotten."""
    return Job(camera, None, [], False, False, 0, 1, False, None, None)


def write_job(job: Job) -> bytes:
    """Return the message of a server; raise FilterError for a background that can't go elsewhere."""
    spec, picture = write_background(job.background) if job.background is not None else (None, b"")
    frames = job.frames or []
    described = [(len(f.data), f.timestamp, f.keyframe, f.codec) for f in frames]
    head = job._asdict() | {
        "frames": None if job.frames is None else described,
        "background": None if spec is None else [spec, len(picture)],
    }
    return message(head, *(frame.data for frame in frames), picture)


def read_job(content: bytes, pictures: Path, now: float) -> Job:
    """Undo write_job, without the length, at `now`; built-in backgrounds are in `pictures`. Raises ValueError."""
    head, rest = _split(content)
    frames: list[EncodedFrame] | None = None
    if head["frames"] is not None:
        frames = []
        for size, timestamp, keyframe, codec in head["frames"]:
            frames.append(EncodedFrame(rest[:size], timestamp, keyframe, codec, now))
            rest = rest[size:]
    background = None
    if head["background"] is not None:
        spec, size = head["background"]
        background = read_background(spec, rest[:size], pictures)
    told: tuple[Any, ...] = tuple(Point(*each) if isinstance(each, list) else each for each in head["follow"])
    read = {"frames": frames, "background": background, "effects": Effects(*head["effects"]), "follow": told}
    return Job(**head | read)


def write_answer(answer: dict[str, Any], videos: list[FilteredVideo]) -> bytes:
    """Return the message of a worker."""
    described = [(len(v.data), v.timestamp, v.keyframe, v.layer) for v in videos]
    return message(answer | {"videos": described}, *(video.data for video in videos))


def read_answer(content: bytes) -> tuple[dict[str, Any], list[FilteredVideo]]:
    """Undo write_answer, without the length; raise ValueError."""
    answer, rest = _split(content)
    videos = []
    for size, timestamp, keyframe, layer in answer.pop("videos"):
        videos.append(FilteredVideo(rest[:size], timestamp, keyframe, layer))
        rest = rest[size:]
    return answer, videos


def message(head: dict[str, Any], *data: bytes) -> bytes:
    """Return an object and the data that it describes, with its length before it."""
    text = json.dumps(head).encode()
    content = b"".join((LENGTH.pack(len(text)), text, *data))
    return LENGTH.pack(len(content)) + content


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    start = LENGTH.size
    end = start + LENGTH.unpack_from(content)[0]
    head = json.loads(content[start:end], parse_float=_finite, parse_constant=_finite)
    if not isinstance(head, dict):
        raise ValueError("no object")
    return head, content[end:]


def _finite(text: str) -> float:
    """Return a number; what is none, or too large to be one, would spoil every mean and sum that it gets into."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("no number")
    return value


class Messages:
    """Takes bytes as they come, and gives the messages that are complete."""

    def __init__(self) -> None:
        self._incoming = bytearray()

    def add(self, data: bytes) -> list[bytes]:
        """Return the contents of the messages that end in `data`; raise ValueError for one that is too long."""
        self._incoming += data
        found = []
        while len(self._incoming) >= LENGTH.size:
            size = LENGTH.unpack_from(self._incoming)[0]
            if size > MAX_MESSAGE:
                raise ValueError("too long")
            end = LENGTH.size + size
            if len(self._incoming) < end:
                break
            found.append(bytes(self._incoming[LENGTH.size : end]))
            del self._incoming[:end]
        return found
