"""One participant's place in a room, and the wire to their browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from server.core.messages import Message
from server.media.camera_costs import Use
from server.rooms.hidden import Why
from server.rooms.participant import Participant

if TYPE_CHECKING:
    from server.rooms.room import Room


class Membership:
    """A participant in a room or its lobby, and the wire to the browser while there is one."""

    def __init__(self, room: Room, participant: Participant) -> None:
        self.room = room
        self.participant = participant
        self.send: Callable[[Message], None] | None = None
        self.hold: asyncio.TimerHandle | None = None
        self.uploading = False
        self.former = ""
        """The seat that this page had before it was loaded again."""
        self.origin = ""
        """What who came by WHIP, and shows no seat, is known by without a token: an address."""
        self.give_back: Callable[[], None] = lambda: None
        """Frees what a held seat counts for in its address's quota."""
        self._paused: list[str] = []
        self._hidden: dict[str, Why] = {}
        self._asked = participant.first_request

    @property
    def held(self) -> bool:
        """Whether nobody is connected, and the seat is held for a while."""
        return self.hold is not None

    def free(self) -> None:
        """Hold the seat no longer."""
        if self.hold is not None:
            self.hold.cancel()
            self.hold = None
        self.give_back()
        self.give_back = lambda: None

    def tell(self, message: Message) -> None:
        """Send a message, if there is anybody to read it."""
        if self.send is not None:
            self.send(message)

    def tell_paused(self) -> None:
        """Tell whose camera is not sent for want of bandwidth, if that has changed."""
        paused = self.participant.connections.paused
        if paused != self._paused:
            self._paused = paused
            self.tell({"type": "paused", "participants": paused})

    def tell_hidden(self, hidden: Mapping[str, Why]) -> None:
        """Tell whose camera the server hides, if that has changed."""
        if hidden != self._hidden:
            self._hidden = dict(hidden)
            self.tell({"type": "hidden", "participants": self._hidden})

    def use(self) -> Use:
        """Return what a camera has cost so far, and where it is shown; by WHIP none is asked for another size."""
        room, participant = self.room, self.participant
        video, camera_filter = participant.video, participant.filter
        inside = participant.id in room.members
        times, network, place = video.transcoder.times, camera_filter.inference_time, video.transcoder.place
        return Use(
            received=video.received,
            droppable=video.droppable,
            decoded=times.decoded,
            pictures=times.filtered,
            looks=camera_filter.inferences,
            decode=times.decode,
            network=network,
            rest=times.filter - network + times.other,
            encode=times.encode,
            send=video.sending,
            pixels=video.transcoder.pixels,
            bitrate=video.transcoder.bitrate,
            network_interval=camera_filter.network_interval,
            full_blur=camera_filter.full_blur,
            worker=place.worker,
            here=place.here,
            room=room.name,
            steerable=self.send is not None,
            shown_large=room.roster.spotlit is participant
            or participant.id in room.shown_large
            or not inside,
            inside=inside,
        )

    def ask_camera(self) -> None:
        """Ask the camera for what is shown of it, if that has changed."""
        request = self.participant.requests.now
        if self.send is None:
            self.participant.ask_for_bits()
        elif request != self._asked:
            self._asked = request
            self.tell({"type": "camera", "frameRate": request.frame_rate, "scaleDown": request.scale_down})

    def forget_told(self) -> None:
        """Tell a browser that begins anew everything again."""
        self._paused, self._hidden, self._asked = [], {}, self.participant.first_request
