"""One cluster for all of these tests. Nodes that a test has ended it starts again; what can't be undone comes last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import browser, camera, camera_file
from tests.support.program import free_port
from tests.support.ray_nodes import RayNodes

__all__ = ["browser", "camera", "camera_file"]


@pytest.fixture(scope="session")
def bucket_port() -> int:
    """Where nodes look for S3."""
    return free_port()


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory, bucket_port: int) -> Iterator[RayNodes]:
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{bucket_port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    nodes = RayNodes(tmp_path_factory.mktemp("ray"), variables)
    try:
        nodes.start("a")
        nodes.start("b")
        yield nodes
    finally:
        nodes.stop()


@pytest.fixture(scope="session")
def front(nodes: RayNodes) -> str:
    """The URL of a front, when there is a server on every node."""
    return nodes.serve(free_port())
