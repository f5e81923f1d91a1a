"""What hosts may do to a room and to the people in it."""

from __future__ import annotations

from collections.abc import Mapping

from server.access.policy import UPLOAD, RoomPolicy, SignalingError
from server.access.tokens import Grant
from server.rooms.backgrounds import Upload, Wardrobe
from server.rooms.room import Attendance, Meeting


def expect_host(attendance: Attendance) -> None:
    """Raise SignalingError host-only for anybody else."""
    if attendance.meeting.role(attendance) != "host":
        raise SignalingError("host-only", "Only a host may do this.")


def member(meeting: Meeting, participant: str) -> Attendance:
    """Return somebody who is in the room; raise SignalingError unknown-participant."""
    attendance = meeting.find(participant)
    if participant not in meeting.members:
        raise SignalingError("unknown-participant", "Nobody with this id is in the room.")
    return attendance


def mute(host: Attendance, participant: str | None) -> None:
    """Pass somebody's sound on no more, or without `participant` that of everybody else."""
    meeting, by = host.meeting, host.participant.id
    targets = [member(meeting, participant)] if participant else meeting.attendances
    for target in targets:
        everybody_but_me = participant is None and target is host
        if not everybody_but_me and target.participant.mute(by):
            target.tell({"type": "muted", "by": by})
            meeting.update(target)


def lower_hand(host: Attendance, participant: str) -> None:
    """Lower somebody's hand."""
    target = member(host.meeting, participant)
    target.participant.hand = None
    host.meeting.update(target)


def admit(host: Attendance, participant: str) -> None:
    """Let somebody in who waits; raise SignalingError unknown-participant, room-full."""
    host.meeting.room.admit(participant)
    host.meeting.entered(host.meeting.find(participant), waited=True)


def waiting(host: Attendance, participant: str) -> Attendance:
    """Return somebody who waits; raise SignalingError unknown-participant."""
    if participant not in host.meeting.room.waiting:
        raise SignalingError("unknown-participant", "Nobody with this id is waiting.")
    return host.meeting.find(participant)


def record(host: Attendance, *, on: bool) -> None:
    """Start or stop recording the room; raise SignalingError recording-off, recording-forbidden."""
    meeting, participant = host.meeting, host.participant
    if on:
        start_recording(meeting, participant.grant, participant.id)
    else:
        meeting.recording.stop("stopped")


def start_recording(meeting: Meeting, grant: Grant, by: str | None = None) -> None:
    """As `record`, for somebody who need not be in the room."""
    meeting.recording.start(meeting.room.policy, grant, by, list(meeting.members.values()))


def set_policy(host: Attendance, wish: Mapping[str, object]) -> None:
    """Change the room's policy and let it act at once.

    Raises SignalingError bad-message, unknown-background; nothing has changed then.
    """
    change_policy(host.meeting, host.participant.wardrobe, wish)


def change_policy(meeting: Meeting, wardrobe: Wardrobe, wish: Mapping[str, object]) -> None:
    """As `set_policy`, for somebody who need not be in the room; `wardrobe` holds the uploads to be named."""
    policy = meeting.room.policy.changed(wish)
    uploads = _named_uploads(meeting, wardrobe, policy)
    opened = meeting.room.policy.waiting_room and not policy.waiting_room
    meeting.room.policy = policy
    meeting.uploads.clear()
    meeting.uploads.update(uploads)
    meeting.obey()
    if opened:
        _let_everybody_in(meeting)


def _named_uploads(meeting: Meeting, wardrobe: Wardrobe, policy: RoomPolicy) -> dict[str, Upload]:
    """Return the uploads that a policy names; raise SignalingError unknown-background for what isn't there."""
    named = dict[str, Upload]()
    if isinstance(policy.backgrounds, str):
        return named
    for name in policy.backgrounds:
        wardrobe.background(name)
        key = name.removeprefix(UPLOAD)
        upload = wardrobe.upload(key) or meeting.uploads.get(key)
        if name.startswith(UPLOAD) and upload is not None:
            named[key] = upload
    return named


def _let_everybody_in(meeting: Meeting) -> None:
    for participant in list(meeting.room.waiting):
        try:
            meeting.room.admit(participant)
        except SignalingError:
            return  # full; the rest go on waiting for a place
        meeting.entered(meeting.find(participant), waited=True)
