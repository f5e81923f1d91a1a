"""Many films on two real Ray nodes, while workers, drivers and nodes are killed: `make cluster-test`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.camera import Camera
from tests.support.media import frames_of, write_video
from tests.support.processes import children, command_line
from tests.support.ray_nodes import ADDRESSES, RayNodes

pytest.importorskip("ray")
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]

LIMIT = 120.0  # seconds
FRAMES = 8
FILMS = 8  # more than are worked on at a time


class Films:
    """A folder of films, and the command that filters them on a cluster."""

    def __init__(self, nodes: RayNodes, folder: Path) -> None:
        self._nodes = nodes
        self._source, self.target = folder / "in", folder / "out"
        self._source.mkdir()
        camera = Camera(160, 96)
        for k in range(FILMS):
            write_video(self._source / f"{k}.mp4", [camera.frame(i) for i in range(FRAMES)])

    def begin(self) -> subprocess.Popen[str]:
        """Start the command."""
        return self._nodes.greenroom_begun(
            *("filter", str(self._source), str(self.target), "--background", "#0000ff"),
            *("--cluster", self._nodes.address),
            GREENROOM_CLUSTER_SECRET=str(self._nodes.secret),
        )

    def go_on(self) -> str:
        """Give the command, and wait for its end; return what it says."""
        said, errors = self.begin().communicate(timeout=LIMIT)
        return said + errors

    def done(self) -> list[str]:
        """Return which films are recorded as done."""
        return [path.name for path in (self.target / ".greenroom/done").glob("*.json")]

    def expect_each_exactly_once(self) -> None:
        """Assert that every output is whole and recorded, and that nothing else was left or is to do."""
        names = {f"{k}.mp4" for k in range(FILMS)}
        assert {path.name for path in self.target.iterdir()} == names | {".greenroom"}
        assert {len(frames_of(self.target / name)) for name in names} == {FRAMES}
        for name in names:
            record = json.loads((self.target / f".greenroom/done/{name}.json").read_text())
            assert (record["frames"], record["output"]) == (FRAMES, name)
        written = {name: (self.target / name).stat().st_mtime_ns for name in names}
        assert f"{FILMS} were done before, 0 now, 0 failed" in self.go_on()
        assert {name: (self.target / name).stat().st_mtime_ns for name in names} == written


def until(met: Callable[[], object], running: subprocess.Popen[str]) -> None:
    """Wait for a condition while a command runs."""
    deadline = time.monotonic() + LIMIT
    while not met():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def at_work(nodes: RayNodes, *names: str) -> list[int]:
    """Return the processes that filter a film on these nodes."""
    return [
        pid for name in names for pid in children(nodes.raylet(name)) if "ray::_film" in command_line(pid)
    ]


@pytest.fixture
def films(nodes: RayNodes, tmp_path: Path) -> Films:
    return Films(nodes, tmp_path)


def test_a_worker_is_killed(films: Films, nodes: RayNodes) -> None:
    running = films.begin()
    until(lambda: at_work(nodes, *ADDRESSES), running)
    for pid in at_work(nodes, *ADDRESSES)[:1]:
        os.kill(pid, signal.SIGKILL)
    said, errors = running.communicate(timeout=LIMIT)
    assert f"0 were done before, {FILMS} now, 0 failed\n" in said, said + errors
    films.expect_each_exactly_once()


def test_the_driver_is_killed(films: Films) -> None:
    running = films.begin()
    until(films.done, running)
    running.kill()
    running.communicate()
    assert ", 0 failed" in films.go_on()
    films.expect_each_exactly_once()


def test_the_command_is_ended(films: Films) -> None:
    """Without a traceback of Ray's."""
    running = films.begin()
    until(films.done, running)
    running.terminate()
    _, errors = running.communicate(timeout=LIMIT)
    assert running.returncode > 0
    assert "SIGTERM" not in errors
    assert ", 0 failed" in films.go_on()
    films.expect_each_exactly_once()


def test_a_node_is_killed(films: Films, nodes: RayNodes, front: str) -> None:
    running = films.begin()
    until(lambda: at_work(nodes, "b"), running)
    nodes.kill("b")
    try:
        said, errors = running.communicate(timeout=LIMIT)
    finally:
        nodes.start("b")
    assert f"0 were done before, {FILMS} now, 0 failed\n" in said, said + errors
    films.expect_each_exactly_once()
    nodes.until_servers(front, 2)


def test_films_of_a_bucket(nodes: RayNodes, tmp_path: Path, bucket_port: int) -> None:
    """S3 by moto: broken films are listed, the same command does nothing more, other options are refused."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    film, camera = tmp_path / "talk.mp4", Camera(160, 96)
    write_video(film, [camera.frame(i) for i in range(FRAMES)])
    words = ("filter", "s3://rec/in", "s3://rec/out", "--cluster", nodes.address, "--background")

    def put_and_get(script: str, path: Path) -> None:
        """Speak with the bucket from another process: s3fs keeps threads and sockets."""
        command = [sys.executable, "-c", f"import sys, fsspec; s3 = fsspec.filesystem('s3'); {script}"]
        environment = {**os.environ, **nodes.variables}
        subprocess.run([*command, str(path)], env=environment, check=True, timeout=LIMIT)

    def command(background: str) -> subprocess.CompletedProcess[str]:
        return nodes.greenroom(*words, background, GREENROOM_CLUSTER_SECRET=str(nodes.secret))

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=bucket_port)
    server.start()
    try:
        put_and_get(
            "s3.mkdir('rec'); [s3.put_file(sys.argv[1], f'rec/in/{k}/talk.mp4') for k in range(3)];"
            " s3.pipe_file('rec/in/broken.mp4', b'no film')",
            film,
        )
        first = command("#0000ff")
        assert first.stdout == "0 were done before, 3 now, 1 failed\n", first.stderr
        assert "broken.mp4: " in first.stderr
        assert command("#0000ff").stdout == "3 were done before, 0 now, 1 failed\n"
        other = command("#00ff00")
        assert other.returncode == 1
        assert "#0000ff" in other.stderr
        put_and_get("s3.get_file('rec/out/2/talk.mp4', sys.argv[1])", tmp_path / "out.mp4")
        assert len(frames_of(tmp_path / "out.mp4")) == FRAMES
    finally:
        server.stop()
