"""A short run of every target; `make fuzz` goes on for as long as it is given."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzzing import hold
from tests.fuzz.targets import targets

EXAMPLES = {"pictures": 10, "upload": 30, "message": 60}
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", targets())
def test_nothing_that_is_read_raises_or_keeps_the_loop(name: str) -> None:
    hold(targets()[name], EXAMPLES.get(name, 150), 0)
