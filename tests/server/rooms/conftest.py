from __future__ import annotations

import pytest

from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined


@pytest.fixture
async def ada(rooms: Rooms) -> Guest:
    """The host."""
    return await joined(rooms, "Ada")


@pytest.fixture
async def bob(rooms: Rooms, ada: Guest) -> Guest:
    """A guest."""
    return await joined(rooms, "Bob")
