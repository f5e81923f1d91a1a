"""A conference in this process, with the real network but nobody's browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from filters.segmenter import Segmenter, load_card
from server.conference import Conference
from server.config import DEFAULT_MODEL, MODELS, Config
from tests.support.guest import Guest


@pytest.fixture(scope="session")
def segmenter() -> Segmenter:
    return Segmenter(load_card(DEFAULT_MODEL, MODELS))


@pytest.fixture
def config() -> Config:
    return Config(workers=1, max_participants=3, max_rooms=2)


@pytest.fixture
async def conference(config: Config, segmenter: Segmenter) -> AsyncIterator[Conference]:
    conference = Conference(config, segmenter)
    yield conference
    await conference.close()


@pytest.fixture
def guest(conference: Conference) -> Callable[[str], Guest]:
    """Make somebody who can join."""
    return lambda name: Guest(conference, name)
