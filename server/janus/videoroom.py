"""What Janus' VideoRoom plugin understands: who publishes in a room, subscribing to them, publishing into it.

https://janus.conf.meetecho.com/docs/videoroom.html, of Janus 1.x, whose publishers have several streams.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from server.core.errors import JanusError
from server.janus.client import Handle, Message, Reply

PLUGIN = "janus.plugin.videoroom"
NO_SUCH_ROOM, PUBLISHERS_FULL, UNAUTHORIZED = 426, 432, 433  # error codes of janus_videoroom.c

Id: TypeAlias = int | str
"""Of a room or a publisher: numbers, or texts where the plugin's `string_ids` is set."""


ID_IN_REASON = re.compile(r" \(\S+\)")  # logs name no rooms
NEXT_STEPS = {
    NO_SUCH_ROOM: "create it, as in janus.plugin.videoroom.jcfg, or correct {}",
    UNAUTHORIZED: "set {}_pin to its PIN",
    PUBLISHERS_FULL: "raise its number of publishers",
}


class JanusRoom(NamedTuple):
    """A room, the PIN that it asks for or "", and the option that names it."""

    id: Id
    pin: str
    option: str

    async def ask(self, handle: Handle, kind: str, *, offer: str = "", **fields: object) -> Reply:
        """Make a request that concerns this room. Raises JanusError, which says what can be done."""
        pin = {"pin": self.pin} if self.pin else {}
        try:
            return await handle.request({"request": kind, "room": self.id, **pin, **fields}, offer=offer)
        except JanusError as error:
            step = NEXT_STEPS.get(error.code, "").format(self.option)
            reason = ID_IN_REASON.sub("", str(error))
            raise JanusError(error.code, f"{self.option}: {reason}{'; ' if step else ''}{step}") from error


class Media(NamedTuple):
    """One stream of a publisher that can be subscribed to; `codec` in lower case."""

    mid: str
    kind: str
    codec: str


class Feed(NamedTuple):
    """A publisher."""

    id: Id
    display: str
    media: tuple[Media, ...]

    def first(self, codecs: Mapping[str, Iterable[str]]) -> tuple[Media, ...]:
        """Return at most one stream of each kind: the first one with a codec of `codecs[kind]`."""
        chosen: dict[str, Media] = {}
        for media in self.media:
            if media.codec in codecs.get(media.kind, ()):
                chosen.setdefault(media.kind, media)
        return tuple(chosen.values())


def room_id(text: str) -> Id:
    """Read the id of a room: a number, or a text, which is put in double quotes when it is all digits."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | str) and not isinstance(value, bool) else text


def feeds(data: Message) -> list[Feed]:
    """Return the publishers that a message of the plugin tells about; a dummy one, who stands for a room, is nobody."""
    return [
        Feed(told["id"], str(told.get("display") or ""), tuple(_media(told.get("streams", ()))))
        for told in data.get("publishers", ())
        if not told.get("dummy")
    ]


def kicked(data: Message) -> bool:
    """Tell whether a message of the plugin says that we were kicked out of a room, which ends no handle.

    Where ids are texts somebody else who leaves may be called "ok", but no reason is told then.
    """
    return data.get("leaving") == "ok" and data.get("reason") == "kicked"


def _media(streams: Iterable[Mapping[str, Any]]) -> Iterable[Media]:
    for stream in streams:
        if not stream.get("disabled") and stream.get("type") in ("audio", "video"):
            yield Media(str(stream["mid"]), stream["type"], str(stream.get("codec", "")).lower())


async def watch(handle: Handle, room: JanusRoom, display: str) -> tuple[int, list[Feed]]:
    """Be told from now on who comes and goes; return our private id and who is there. Raises JanusError."""
    data = (await room.ask(handle, "join", ptype="publisher", display=display)).data
    return data["private_id"], feeds(data)


async def expect(handle: Handle, room: JanusRoom) -> None:
    """Raise JanusError when there is no such room."""
    if not (await room.ask(handle, "exists")).data.get("exists"):
        step = NEXT_STEPS[NO_SUCH_ROOM].format(room.option)
        raise JanusError(NO_SUCH_ROOM, f"{room.option}: No such room; {step}")


async def subscribe(
    handle: Handle, room: JanusRoom, private_id: int, feed: Id, media: Iterable[Media]
) -> str:
    """Ask for streams of a publisher; return Janus' offer. Raises JanusError.

    The offer stays the same whatever the publisher does; a change is told to those who watch the room.
    """
    streams = [{"feed": feed, "mid": each.mid} for each in media]
    fields: dict[str, Any] = {
        "ptype": "subscriber",
        "private_id": private_id,
        "streams": streams,
        "autoupdate": False,
    }
    return (await room.ask(handle, "join", **fields)).sdp


async def start(handle: Handle, answer: str) -> None:
    """Let what was subscribed to come. Raises JanusError."""
    await handle.request({"request": "start"}, answer=answer)


async def publish(handle: Handle, room: JanusRoom, display: str, offer: str) -> str:
    """Join a room and publish into it; return the answer. Raises JanusError."""
    return (await room.ask(handle, "joinandconfigure", ptype="publisher", display=display, offer=offer)).sdp


async def rename(handle: Handle, display: str) -> None:
    """Change the name under which we publish. Raises JanusError."""
    await handle.request({"request": "configure", "display": display})
