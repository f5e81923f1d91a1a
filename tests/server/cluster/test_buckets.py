"""Films of a bucket: S3 by moto, the product's own command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config.options import ROOT
from tests.support.camera import Camera
from tests.support.media import frames_of, write_video

moto = pytest.importorskip("moto.server")
fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server of this machine."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_bucket_is_filtered_and_the_same_command_does_nothing_more(endpoint: str, tmp_path: Path) -> None:
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    camera, film = Camera(160, 96), tmp_path / "talk.mp4"
    write_video(film, [camera.frame(i) for i in range(6)])

    def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *([script] if script == "-m" else ["-c", script]), *words],
            cwd=ROOT,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    made = run(
        "import sys, fsspec; s = fsspec.filesystem('s3'); s.mkdir('rec');"
        "s.put_file(sys.argv[1], 'rec/in/a/talk.mp4'); s.pipe_file('rec/in/broken.mp4', b'no film')",
        str(film),
    )
    assert made.returncode == 0, made.stderr
    command = ("-m", "server", "filter", "s3://rec/in", "s3://rec/out", "--background", "#0000ff")
    first = run(*command)
    assert first.stdout == "0 were done before, 1 now, 1 failed\n", first.stderr
    assert "broken.mp4: " in first.stderr
    assert run(*command).stdout == "1 were done before, 0 now, 1 failed\n"
    other = run(*command[:-1], "#00ff00")
    assert other.returncode == 1
    assert "#0000ff" in other.stderr
    got = run(
        "import sys, fsspec; fsspec.filesystem('s3').get_file('rec/out/a/talk.mp4', sys.argv[1])",
        str(tmp_path / "out.mp4"),
    )
    assert got.returncode == 0, got.stderr
    assert len(frames_of(tmp_path / "out.mp4")) == 6
