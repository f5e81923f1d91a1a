"""Takes what every camera costs to the governor, and what that gives up to every camera, evenly."""

from __future__ import annotations

from collections.abc import Collection

from server.media.camera_costs import Use
from server.media.governor import Governor
from server.media.headroom import Look
from server.rooms.membership import Membership

INTERVAL = 0.5
"""Seconds between two calls of `govern`: some pictures of each camera, even at low rates; chosen."""


def govern(now: float, governor: Governor, look: Look, memberships: Collection[Membership]) -> None:
    """Adapt everybody's cost to the load; `now` in seconds of the monotonic clock."""
    governor.observe(now, look, {m.participant.id: use(m) for m in memberships})
    for membership in memberships:
        participant, key = membership.participant, membership.participant.id
        held_back, heavy = governor.held_back(key), governor.heavy(key)
        participant.govern(governor.level_of(key), held_back=held_back, heavy=heavy)
        participant.ask(now, pressed=governor.given_up > 0, pixels=governor.pixels(key))
        membership.ask_camera()
        participant.adapt(now)


def use(membership: Membership) -> Use:
    """Return what a camera has cost so far, and where it is shown; by WHIP none is asked for another size."""
    room, participant = membership.room, membership.participant
    video, camera_filter = participant.video, participant.filter
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
        steerable=membership.send is not None,
        spotlit=room.roster.spotlit is participant,
    )
