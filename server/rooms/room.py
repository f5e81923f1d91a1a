"""A room with everybody's wires: who is told what when people come, go, speak, share and do things."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Literal

from server.access.policy import Role, RoomPolicy
from server.config.options import Config
from server.core.errors import SignalingError
from server.core.messages import Message
from server.core.token_bucket import TokenBucket
from server.rooms.admission import Bans, SeatsLeft, Viewers
from server.rooms.events import Events, RoomEvents
from server.rooms.files import SharedFile, SharedFiles
from server.rooms.hidden import REASONS
from server.rooms.membership import Membership
from server.rooms.participant import Participant
from server.rooms.recording import Recording
from server.rooms.room_backgrounds import RoomBackgrounds
from server.rooms.roster import Roster
from server.rooms.screens import ScreenSharing
from server.rooms.shown_large import ShownLarge
from server.rooms.stats import Monitor
from server.rooms.succession import Succession

logger = logging.getLogger(__name__)

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
        self.monitor = Monitor(config.max_voices)
        self.events = RoomEvents(events, name)
        self._config = config
        self._memberships: dict[str, Membership] = {}
        self.succession = Succession(self)
        self.bans = Bans()
        self.seats_left = SeatsLeft()
        self.pin = ""
        """What whoever comes is asked for, if anything."""
        self.shown_large = ShownLarge()
        self.viewers = Viewers(lambda: self.broadcast(self._viewers))
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

    def may_unmute(self, membership: Membership) -> bool:
        """Tell whether somebody's sound may be passed on as soon as they send it."""
        participant = membership.participant
        return (
            self.roster.policy.unmute == "allowed"
            or "host" in (self.role(membership), self.claim_of(participant))
            or participant.sends_audio
            or participant.may_unmute
        )

    def _gate_microphone(self, membership: Membership) -> None:
        """Pass no sound on of who has said nothing about it, where that takes a host's word."""
        if not self.may_unmute(membership):
            membership.participant.audio.paused = True

    def claim_of(self, participant: Participant) -> Role | None:
        """Tell what role somebody's token gives here: none of a host to who has been demoted."""
        grant = participant.grant
        return "guest" if grant.holder and grant.holder in self.roster.demoted else grant.role

    def describe(self, participant: Participant) -> dict[str, Any]:
        """Return the Participant of the signalling protocol."""
        room = self.roster
        return participant.describe() | {
            "role": room.role(participant),
            "screen": room.sharer is participant,
            "spotlit": room.spotlit is participant,
        }

    def welcome(self, membership: Membership) -> dict[str, Any]:
        """Return what `joined` and `entered` tell about the room."""
        room, participant = self.roster, membership.participant
        inside, is_host = participant.id in room.members, participant.id in room.hosts
        people = room.members.values() if inside else [participant]
        told: dict[str, Any] = {
            "participants": [self.describe(p) for p in people],
            "chat": [chat.describe() for chat in room.chat] if inside else [],
            "knocking": [_knock(p) for p in room.waiting.values()] if is_host else [],
            "lobby": self._lurking if is_host else [],
            "banned": self.bans.describe() if is_host else [],
            "viewers": self.viewers.describe() if inside else [],
            "recording": self.recording.state,
        }
        if room.founder == participant.id and inside:
            told["hostToken"] = room.token
        return told

    @property
    def _lurking(self) -> list[dict[str, str]]:
        """Who is in the lobby and has not asked to be let in."""
        return [_knock(p) for p in self.roster.lobby.values() if self.roster.state(p) == "lobby"]

    @property
    def _viewers(self) -> Message:
        return {"type": "viewers", "viewers": self.viewers.describe()}

    def tell_lobby(self) -> None:
        """Tell the hosts who is in the lobby, and who is kept out."""
        self.tell_hosts({"type": "lobby", "lobby": self._lurking, "banned": self.bans.describe()})

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
        message = {"type": "participant-updated", "participant": self.describe(participant)}
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
                self.tell_hosts({"type": "knock", "participant": _knock(participant)})
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
            self._inherit(self._memberships[heir.id])

    def claim(self, membership: Membership, token: str) -> None:
        """Make a member who shows the host token a host."""
        before = self.role(membership)
        self.roster.claim(membership.participant, token)
        if self.role(membership) != before:
            self.update(membership)

    def entered(self, membership: Membership, *, waited: bool) -> None:
        """Tell everybody that somebody is in the room now."""
        participant = membership.participant
        if waited:
            self.tell_hosts({"type": "knock-ended", "participant": participant.id})
        self.succession.hand_over(membership)
        participant.audio.on_level = lambda level: self._hear(participant, level)
        self._gate_microphone(membership)
        membership.tell({"type": "entered", **self.welcome(membership)})
        membership.tell(self.monitor.speech)
        self.tell_lobby()
        joined = {"type": "participant-joined", "participant": self.describe(participant)}
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
        participant, room = membership.participant, self.roster
        if self._memberships.pop(participant.id, None) is None:
            return
        state, waiting = room.state(participant), list(room.waiting.values())
        heir = room.leave(participant)
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
            self._tell_deleted(file)
        self.recording.remove(participant)
        self.broadcast({"type": "participant-left", "participant": participant.id, "reason": reason})
        self.events.left(participant, reason)
        self.refresh()
        if heir is not None:
            self._inherit(self._memberships[heir.id])
        if not room.members:
            self._restart(waiting)

    def tell_roles(self, membership: Membership) -> None:
        """Tell a new host what hosts know; whose screen a guest may not share ends."""
        room, participant = self.roster, membership.participant
        if participant.id in room.hosts:
            for waiting in room.waiting.values():
                membership.tell({"type": "knock", "participant": _knock(waiting)})
            self.tell_lobby()
        self.screens.end_forbidden(membership)

    def _inherit(self, heir: Membership) -> None:
        """Tell that somebody has become host because the last one left."""
        self.update(heir)
        for participant in self.roster.waiting.values():
            heir.tell({"type": "knock", "participant": _knock(participant)})

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
        self.obey()
        for participant in waiting:
            self.enter(self._memberships[participant.id])

    def obey(self) -> None:
        """Let the room's policy act on everybody, at once."""
        policy = self.roster.policy
        self.recording.obey(policy)
        self.end_forbidden_viewers()
        for membership in self.memberships:
            effective = self.policy_for(membership)
            membership.tell(
                {"type": "policy", "policy": policy.describe(), "effective": effective.describe()}
            )
            membership.tell({"type": "backgrounds", "backgrounds": self.backgrounds.offer(membership)})
            self.backgrounds.obey(membership, "policy")
            self._gate_microphone(membership)
            participant = membership.participant
            if any([participant.gate_camera(), participant.gate_captions(allowed=policy.captions)]):
                self.update(membership)
        if self.roster.sharer is not None:
            self.screens.end_forbidden(self._memberships[self.roster.sharer.id])

    def end_forbidden_viewers(self) -> None:
        """Let those watch no more whom policy, PIN or token no longer allows it."""
        self.viewers.end_forbidden(self.roster.policy, pin=bool(self.pin))

    def policy_for(self, membership: Membership) -> RoomPolicy:
        """Return what the room's policy means for somebody, whose token may say otherwise."""
        return membership.participant.grant.restrict(self.roster.policy)

    def observe(self, now: float) -> None:
        """Tell who speaks and how good connections are, where that has changed; `now` in seconds."""
        everybody = [membership.participant for membership in self.memberships]
        for message in self.monitor.observe(now, list(self.members.values()), everybody):
            self.broadcast(message)
        large = self.roster.spotlit.id if self.roster.spotlit is not None else self.monitor.stage
        for participant in self.members.values():
            participant.video.is_large = participant.id == large
        self.shown_large.update(now, self._wanted_large())
        for membership in self._memberships.values():
            membership.tell_paused()
        self._observe_cameras(now)
        self.end_forbidden_viewers()

    def _wanted_large(self) -> Iterable[str]:
        """Yield whom each one shows large, viewers from outside too, but the one in the spotlight, who is so anyway."""
        shown = [(p.id, p.shows_large) for p in self.members.values()] + [
            (v.id, v.watched) for v in self.viewers
        ]
        for viewer, watched in shown:
            participant = self.members.get(watched)
            if participant not in (None, self.roster.spotlit) and watched != viewer:
                yield watched

    def _observe_cameras(self, now: float) -> None:
        """Tell, and log, whose camera is hidden."""
        for membership in self._memberships.values():
            participant = membership.participant
            if participant.look(now):
                _log_hidden(participant, now)
        everybody = {m.participant.id: m.participant.hidden.why for m in self._memberships.values()}
        hidden = {key: why for key, why in everybody.items() if why is not None}
        inside = {key: why for key, why in hidden.items() if key in self.members}
        for key, membership in self._memberships.items():
            own = {key: hidden[key]} if key in hidden else {}
            membership.tell_hidden(inside if key in self.members else own)

    def expect_files(self, membership: Membership, to: str | None) -> None:
        """Raise SignalingError not-in-room, files-forbidden, unknown-participant."""
        self.expect_inside(membership)
        self.files.permit(self.policy_for(membership))
        self.roster.expect_reader(to)

    def delete_file(self, file: SharedFile) -> None:
        """Forget a file that is here, and its message, and tell whoever could have it."""
        self.files.delete(file)
        self._tell_deleted(file)

    def _tell_deleted(self, file: SharedFile) -> None:
        self.roster.unsay(file.id)
        deleted = {"type": "file-deleted", "file": file.id}
        if file.to is None:
            return self.broadcast(deleted)
        for membership in self.memberships:
            if membership.participant.id in (file.owner, file.to):
                membership.tell(deleted)

    def say(
        self, membership: Membership, text: str, to: str | None, file: Mapping[str, Any] | None = None
    ) -> None:
        """Put a message into the chat, or tell it `to` one participant alone, and back.

        Raises SignalingError not-in-room, bad-message, unknown-participant.
        """
        self.expect_inside(membership)
        participant = membership.participant
        chat = self.roster.say(participant, participant.name, text, time.time(), to, file)
        said = {"type": "chat", "chat": chat.describe()}
        if to is None:
            return self.broadcast(said)
        membership.tell(said)
        if to != participant.id:
            self.find(to).tell(said)

    def expect_inside(self, membership: Membership) -> None:
        """Raise SignalingError not-in-room for people in the lobby."""
        if membership.participant.id not in self.roster.members:
            raise SignalingError("not-in-room", "Enter the room first.")


def _log_hidden(participant: Participant, now: float) -> None:
    hidden = participant.hidden
    if hidden.why is None:
        seconds = round(now - hidden.since)
        logger.info("the camera of participant %s is shown again, after %d s", participant.id, seconds)
    else:
        logger.warning("the camera of participant %s is hidden: %s", participant.id, REASONS[hidden.why])


def _knock(participant: Participant) -> dict[str, str]:
    return {"id": participant.id, "name": participant.name}
