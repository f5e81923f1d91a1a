"""A room with everybody's wires: who is told what when people come, go, speak, share and do things."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Literal

from server.access.policy import Role, RoomPolicy
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import Message
from server.core.token_bucket import TokenBucket
from server.rooms import microphones
from server.rooms.admission import Bans, SeatsLeft, Viewers
from server.rooms.chat import RoomChat
from server.rooms.events import Events, RoomEvents
from server.rooms.files import SharedFiles
from server.rooms.hidden import HiddenCameras
from server.rooms.membership import Membership
from server.rooms.monitor import Monitor
from server.rooms.participant import Participant
from server.rooms.policy_enforcement import enforce_policy
from server.rooms.recording import Recording
from server.rooms.room_backgrounds import RoomBackgrounds
from server.rooms.room_description import describe_participant, knock, lurking, welcome
from server.rooms.roster import Roster
from server.rooms.screens import ScreenSharing
from server.rooms.shown_large import ShownLarge, wanted_large
from server.rooms.succession import Succession

Reason = Literal["left", "lost", "removed"]


class Room:
    """What happens in one room. `spawn` runs what need not be waited for; `memory` is what files may take, in bytes."""

    def __init__(
        self,
        name: str,
        config: Config,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        events: Events,
        memory: TokenBucket,
    ) -> None:
        self.roster: Roster[Participant] = Roster(name, config.max_participants)
        self.backgrounds = RoomBackgrounds(self)
        self.files = SharedFiles(config, memory)
        self.chat = RoomChat(self)
        self.monitor = Monitor(config.max_voices)
        self.hidden_cameras = HiddenCameras(self)
        self.events = RoomEvents(events, name)
        self._config = config
        self._memberships: dict[str, Membership] = {}
        self.succession = Succession(self)
        self.bans = Bans()
        self.seats_left = SeatsLeft()
        self.pin = ""
        """What whoever comes is asked for, if anything."""
        self.shown_large = ShownLarge()
        self.viewers = Viewers(
            lambda: self.broadcast({"type": "viewers", "viewers": self.viewers.describe()})
        )
        self.screens = ScreenSharing(self, config, spawn)
        self.recording = Recording(name, config, self.tell_everybody, self.tell_hosts, spawn)

    @property
    def name(self) -> str:
        return self.roster.name

    @property
    def empty(self) -> bool:
        """Tell whether there is nobody, not even in the lobby."""
        return self.roster.empty

    @property
    def members(self) -> dict[str, Participant]:
        """Who is in the room, by id."""
        return self.roster.members

    @property
    def memberships(self) -> list[Membership]:
        """Everybody, in the lobby too."""
        return list(self._memberships.values())

    def find(self, participant: str) -> Membership:
        """Return somebody by id; raise SignalingError unknown-participant."""
        membership = self._memberships.get(participant)
        if membership is None:
            raise SignalingError("unknown-participant", "Nobody with this id is here.")
        return membership

    def role(self, membership: Membership) -> Role:
        """Tell what somebody may do."""
        return self.roster.role(membership.participant)

    def claim_of(self, participant: Participant) -> Role | None:
        """Tell what role somebody's token gives here: none of a host to who has been demoted."""
        grant = participant.grant
        return "guest" if grant.holder and grant.holder in self.roster.demoted else grant.role

    def tell_lobby(self) -> None:
        """Tell the hosts who is in the lobby, and who is kept out."""
        self.tell_hosts({"type": "lobby", "lobby": lurking(self), "banned": self.bans.describe()})

    def broadcast(self, message: Message, *, but: Membership | None = None) -> None:
        """Tell everybody in the room."""
        for membership in self._memberships.values():
            if membership is not but and membership.participant.id in self.roster.members:
                membership.tell(message)

    def tell_everybody(self, message: Message) -> None:
        """Tell everybody, in the lobby too."""
        for membership in self._memberships.values():
            membership.tell(message)

    def tell_hosts(self, message: Message) -> None:
        """Tell the hosts."""
        for membership in self._memberships.values():
            if membership.participant.id in self.roster.hosts:
                membership.tell(message)

    def update(self, membership: Membership) -> None:
        """Tell what has changed about a participant: everybody in the room, or whoever is alone in the lobby."""
        participant = membership.participant
        self.events.changed(participant, screen=self.roster.sharer is participant)
        message = {"type": "participant-updated", "participant": describe_participant(self, participant)}
        if participant.id in self.roster.members:
            self.broadcast(message)
        else:
            membership.tell(message)

    def refresh(self) -> None:
        """Let everybody receive who is there now."""
        for membership in self._memberships.values():
            participant = membership.participant
            participant.watch(self.roster.streams_for(participant))

    def visit(self, membership: Membership) -> None:
        """Take a newcomer into the lobby; raise SignalingError room-full."""
        participant = membership.participant
        self.roster.visit(participant, self.claim_of(participant))
        self._memberships[participant.id] = membership
        self.tell_lobby()

    def enter(self, membership: Membership, token: str = "") -> bool:
        """Let somebody in, or to the waiting room (False); raise SignalingError room-full, room-locked."""
        participant = membership.participant
        state = self.roster.state(participant)
        if state != "room" and self.roster.opens(token, self.claim_of(participant)):
            self.succession.make_place(membership)
        if state == "room":
            self.claim(membership, token)
        elif not self.roster.enter(participant, token, self.claim_of(participant)):
            if state == "lobby":
                self.tell_hosts({"type": "knock", "participant": knock(participant)})
                self.tell_lobby()
            return False
        else:
            self.entered(membership, waited=state == "waiting")
        return True

    def come_back(self, membership: Membership, seat: str) -> None:
        """Let somebody in whom the room expects back, by the hash of the seat; raise SignalingError room-full."""
        self.roster.come_back(membership.participant, seat)
        self.entered(membership, waited=False)

    def await_no_more(self) -> None:
        """Expect nobody back any more."""
        heir = self.roster.await_no_more()
        if heir is not None:
            self.tell_host(self._memberships[heir.id])

    def claim(self, membership: Membership, token: str) -> None:
        """Make a member who shows the host token a host."""
        before = self.role(membership)
        self.roster.claim(membership.participant, token)
        if self.role(membership) != before:
            self.tell_host(membership)

    def entered(self, membership: Membership, *, waited: bool) -> None:
        """Tell everybody that somebody is in the room now."""
        participant = membership.participant
        if waited:
            self.tell_hosts({"type": "knock-ended", "participant": participant.id})
        self.succession.hand_over(membership)
        participant.audio.on_level = lambda level: self._hear(participant, level)
        microphones.gate(membership)
        membership.tell({"type": "entered", **welcome(self, membership)})
        membership.tell(self.monitor.speech)
        self.tell_lobby()
        joined = {"type": "participant-joined", "participant": describe_participant(self, participant)}
        self.broadcast(joined, but=membership)
        self.events.entered(participant)
        self.recording.add(participant)
        self.succession.succeed(membership)
        self.refresh()

    def _hear(self, participant: Participant, level: int) -> bool:
        """Take the level of one audio packet; tell whether the room hears it: the loudest, and who is spotlit."""
        return self.monitor.hear(participant.id, level) or self.roster.spotlit is participant

    def spotlight(self, membership: Membership | None) -> None:
        """Have everybody see somebody large, or nobody any more."""
        target = membership.participant if membership is not None else None
        before, self.roster.spotlit = self.roster.spotlit, target
        self.succession.forget_spotlight()
        for participant in (before, target):
            if participant is not None and before is not target:
                self.update(self._memberships[participant.id])

    def leave(self, membership: Membership, reason: Reason) -> None:
        """Take somebody out, for good."""
        participant, roster = membership.participant, self.roster
        if self._memberships.pop(participant.id, None) is None:
            return
        state, waiting = roster.state(participant), list(roster.waiting.values())
        heir = roster.leave(participant)
        participant.audio.on_level = lambda level: True
        if state == "waiting":
            self.tell_hosts({"type": "knock-ended", "participant": participant.id})
        for viewer in self.viewers:
            if viewer.watched == participant.id:
                self.viewers.discard(viewer)
        if state != "room":
            self.tell_lobby()
            if self.empty:  # an application may have had a room without members recorded
                self.recording.stop("ended")
            return
        if reason != "removed":
            self.seats_left.add(participant.seat, participant.id, participant.grant)
        self.monitor.forget(participant)
        for file in self.files.leave(participant.id, removed=reason == "removed"):
            self.chat.forget_file(file)
        self.recording.remove(participant)
        self.broadcast({"type": "participant-left", "participant": participant.id, "reason": reason})
        self.events.left(participant, reason)
        self.refresh()
        if heir is not None:
            self.tell_host(self._memberships[heir.id])
        if not roster.members:
            self._restart(waiting)

    def tell_host(self, membership: Membership) -> None:
        """Tell that somebody has become host, and them who is outside."""
        self.update(membership)
        for participant in self.roster.waiting.values():
            membership.tell({"type": "knock", "participant": knock(participant)})
        self.tell_lobby()

    def _restart(self, waiting: Iterable[Participant]) -> None:
        """Begin anew with those who have waited for somebody to open."""
        self.backgrounds.uploads.clear()
        self.files.clear()
        self.succession.clear()
        self.bans.clear()
        self.seats_left = SeatsLeft()
        self.pin = ""
        self.recording.stop("ended")
        self.monitor = Monitor(self._config.max_voices)
        enforce_policy(self)
        for participant in waiting:
            self.enter(self._memberships[participant.id])

    def end_forbidden_viewers(self) -> None:
        """Let those watch no more whom policy, PIN or token no longer allows it."""
        self.viewers.end_forbidden(self.roster.policy, pin=bool(self.pin))

    def policy_for(self, membership: Membership) -> RoomPolicy:
        """Return what the room's policy means for somebody, whose token may say otherwise."""
        return membership.participant.grant.restrict(self.roster.policy)

    def observe(self, now: float) -> None:
        """Tell who speaks and how good connections are, where that has changed; `now` in seconds."""
        self.end_forbidden_viewers()
        everybody = [membership.participant for membership in self.memberships]
        for message in self.monitor.observe(now, list(self.members.values()), everybody):
            self.broadcast(message)
        large = self.roster.spotlit.id if self.roster.spotlit is not None else self.monitor.stage
        for participant in self.members.values():
            participant.video.shown_large = participant.id == large
        self.shown_large.update(now, wanted_large(self))
        for membership in self._memberships.values():
            membership.tell_paused()
        self.hidden_cameras.observe(now)

    def expect_inside(self, membership: Membership) -> None:
        """Raise SignalingError not-in-room for people in the lobby."""
        if membership.participant.id not in self.roster.members:
            raise SignalingError("not-in-room", "Enter the room first.")
