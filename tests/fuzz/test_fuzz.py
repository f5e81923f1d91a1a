"""The corpus, and a short run of every target; `make fuzz` goes on for as long as it is given."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzzing import CORPUS, corpus, files, hold, replay
from tests.fuzz.targets import targets

EXAMPLES = {"VP8 pictures": 6, "H264 pictures": 6, "upload": 30, "message": 60}
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", targets())
def test_nothing_that_is_read_raises_or_keeps_the_loop(name: str) -> None:
    hold(targets()[name], EXAMPLES.get(name, 150), 0)


@pytest.mark.parametrize("name", targets())
def test_the_corpus_raises_nothing_and_keeps_no_loop(name: str) -> None:
    for file in files(name):
        replay(targets()[name], file)


def test_the_corpus_has_no_files_that_nobody_reads() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} <= {corpus(name).name for name in targets()}
