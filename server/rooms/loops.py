"""What is done again and again to everybody: the load is governed, the rooms are observed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import NoReturn

from server.core.containment import contained
from server.media.governor import Governor
from server.media.machine import MachineWatch
from server.media.resources import MediaResources
from server.rooms.active_speaker import INTERVAL as OBSERVE_INTERVAL
from server.rooms.governing import INTERVAL as GOVERN_INTERVAL
from server.rooms.governing import govern
from server.rooms.membership import Membership
from server.rooms.open_rooms import OpenRooms
from server.rooms.room import Room


async def keep_governing(
    governor: Callable[[], Governor],
    machine: MachineWatch,
    media: MediaResources,
    memberships: Callable[[], Collection[Membership]],
) -> NoReturn:
    """Adapt everybody's cost to the load, evenly, as the governor of the moment says."""
    while True:
        await asyncio.sleep(GOVERN_INTERVAL)
        with contained("the governor"):
            now = time.monotonic()
            media.workers.check(now)
            load = machine.read(now, media.workers, media.meter)
            govern(now, governor(), load, memberships())


async def keep_observing(rooms: OpenRooms[Room]) -> NoReturn:
    """Tell every room who speaks and whose connection is good."""
    while True:
        await asyncio.sleep(OBSERVE_INTERVAL)
        for room in rooms.all():
            with contained("the observation of a room"):
                room.observe(time.monotonic())
