"""greenroom init: what it writes works as it stands, and is for the server's user only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aioice.ice import get_host_addresses
from aioice.turn import create_turn_endpoint

from server.__main__ import main
from server.access.authenticator import Authenticator
from server.access.tokens import read_keys
from server.config.loading import load
from server.peers.ice import ice_servers
from tests.support.program import free_port

LINK = re.compile(r"^(.+): (https://[^/]+)/r/(\w+)#token=(\S+)$", re.MULTILINE)


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return int(exit_.value.code or 0)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_for_the_local_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "greenroom"
    assert run("init", folder, "--room", "atelier", "--port", "8090") == 0
    said = capsys.readouterr().out
    config = load(folder / "greenroom.toml")
    assert (config.host, config.port, config.tls) == ("0.0.0.0", 8090, "self-signed")
    authenticator = Authenticator(read_keys(config.token_keys))
    links = LINK.findall(said)
    assert [authenticator.admit(token, room).role for _, _, room, token in links] == ["host", "guest"]
    assert {url for _, url, _, _ in links} == {config.public_url}
    assert not re.search(r"localhost|127\.", config.public_url)
    for path in folder.rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path


def test_for_the_internet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", tmp_path, "--name", "Meet.Example.org", "--public-address", "203.0.113.7") == 0
    config = load(tmp_path / "greenroom.toml")
    assert {url for _, url, _, _ in LINK.findall(capsys.readouterr().out)} == {"https://meet.example.org"}
    assert (config.host, config.public_address) == ("127.0.0.1", "203.0.113.7")
    assert config.token_keys
    assert config.metrics_token
    turnserver = (tmp_path / "turnserver.conf").read_text()
    assert f"\nstatic-auth-secret={config.turn_secret}\n" in turnserver
    assert "\nexternal-ip=203.0.113.7\n" in turnserver
    caddy = (tmp_path / "Caddyfile").read_text()
    assert f"reverse_proxy 127.0.0.1:{config.port}\n" in caddy
    assert "\nmeet.example.org {" in caddy


def test_two_of_them_share_no_secret(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run("init", tmp_path / name, "--name", "meet.example.org")
    a, b = (load(tmp_path / name / "greenroom.toml") for name in ("a", "b"))
    assert a.turn_secret != b.turn_secret
    assert a.metrics_token != b.metrics_token
    (a_key,), (b_key,) = (config.token_keys.values() for config in (a, b))
    assert Path(a_key).read_bytes() != Path(b_key).read_bytes()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", tmp_path) == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert run("init", tmp_path) == 1
    assert "is there already" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "words",
    [
        ["--name", "not a name"],
        ["--name", "localhost"],
        ["--name", "meet.example.org { }"],
        ["--room", "../etc"],
        ["--name", "meet.example.org", "--public-address", "home"],
        ["--owner", "nobody-of-that-name"],
    ],
)
def test_what_cannot_be_meant_leaves_nothing(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", tmp_path / "greenroom", *words) == 1
    assert capsys.readouterr().err.startswith("greenroom: ")
    assert not (tmp_path / "greenroom").exists()


def as_nobody(*words: str | Path) -> bool:
    """Run a command as the user nobody, in its group only; tell whether it succeeds."""
    group = pwd.getpwnam("nobody").pw_gid
    done = subprocess.run(
        words, user="nobody", group=group, extra_groups=[], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_the_services_user_reads_what_is_for_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.name.startswith(("pytest-", "popen-")):  # pytest's own, which are for its user only
            parent.chmod(0o755)
    folder = tmp_path / "greenroom"
    assert run("init", folder, "--owner", "nobody") == 0
    assert mode(folder) == 0o750
    for path in (folder / "greenroom.toml", *folder.glob("*.pem")):
        assert mode(path) == 0o640
        assert as_nobody("cat", path)
    assert as_nobody("touch", folder / "state/x")
    assert not as_nobody("touch", folder / "x")


def test_links_need_to_know_where_they_lead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("init", tmp_path)
    capsys.readouterr()
    options = ["--config", str(tmp_path / "greenroom.toml")]
    assert run("token", "*", "--link", *options) == 1
    assert run("token", "studio", "--link", *options, "--set", "public_url=") == 1
    assert "public_url" in capsys.readouterr().err
    assert run("token", "studio", "--link", *options, "--set", "public_url=https://meet.example.org/") == 0
    assert capsys.readouterr().out.startswith("https://meet.example.org/r/studio#token=ey")


@contextmanager
def coturn(folder: Path) -> Iterator[int]:
    """Run coturn with the file that lies in a folder, on another port; yield that. Its log is turn.log."""
    port = free_port()
    options = [f"--log-file={folder / 'turn.log'}", "--simple-log", "--pidfile=", f"--listening-port={port}"]
    command = ["turnserver", "-c", str(folder / "turnserver.conf"), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield port
        process.terminate()
    assert "Bad configuration" not in (folder / "turn.log").read_text()


class Inbox(asyncio.DatagramProtocol):
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.arrived = asyncio.Queue[bytes]()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.arrived.put_nowait(data)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("turnserver") is None, reason="coturn is not installed: apt-get install coturn"
)
async def test_coturn_relays_to_this_machine_and_to_nobody_else(tmp_path: Path) -> None:
    run("init", tmp_path, "--name", "meet.example.org")
    credentials = ice_servers(load(tmp_path / "greenroom.toml"), "p1")[-1]
    own = get_host_addresses(use_ipv4=True, use_ipv6=False)[0]
    transport, inbox = await asyncio.get_running_loop().create_datagram_endpoint(Inbox, local_addr=(own, 0))
    with coturn(tmp_path) as port:
        relay, _ = await create_turn_endpoint(
            Inbox,
            server_addr=("127.0.0.1", port),
            username=credentials.username,
            password=credentials.credential,
        )
        relay.sendto(b"hello", transport.get_extra_info("sockname"))
        assert await asyncio.wait_for(inbox.arrived.get(), 10) == b"hello"
        relay.sendto(b"hello", ("198.51.100.7", 9))
        async with asyncio.timeout(10):
            while "peer IP 198.51.100.7 denied" not in (tmp_path / "turn.log").read_text():
                await asyncio.sleep(0.05)
        relay.close()
    transport.close()


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed: apt-get install caddy")
def test_caddy_takes_its_file(tmp_path: Path) -> None:
    run("init", tmp_path, "--name", "meet.example.org")
    command = ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"dial":"127.0.0.1:8080"' in done.stdout.replace(" ", "")
