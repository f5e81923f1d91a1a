"""`greenroom cluster`: what needs no cluster."""

from __future__ import annotations

import pytest

from server.cli.cluster import _node, _of_node
from server.core.errors import ConfigError

SNAPSHOT = {
    "servers": [
        {"name": "abc/1", "url": "https://10.0.0.2:40001", "lease": 3.1},
        {"name": "abc/2", "url": "https://10.0.0.2:40002", "lease": 0.0},
        {"name": "abcd/1", "url": "https://[fd00::2]:40001", "lease": 2.0},
        {"name": "def/1", "url": "https://10.0.0.3:40001", "lease": 0.0},
    ]
}


@pytest.mark.parametrize(
    ("given", "name"), [("abc", "abc"), ("10.0.0.2", "abc"), ("abcd", "abcd"), ("fd00::2", "abcd")]
)
def test_a_node_goes_by_its_name_or_its_address(given: str, name: str) -> None:
    assert _node(SNAPSHOT, given) == name


@pytest.mark.parametrize("given", ["ab", "nobody", "10.0.0.3"])
def test_a_node_that_is_not_there_can_not_be_drained(given: str) -> None:
    with pytest.raises(ConfigError, match=given):
        _node(SNAPSHOT, given)


def test_nobody_waits_for_a_server_that_is_gone() -> None:
    assert [server["name"] for server in _of_node(SNAPSHOT, "abc")] == ["abc/1"]
