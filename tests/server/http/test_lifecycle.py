"""Health, readiness, metrics, and a stop that waits."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from aiohttp import ClientSession
from cryptography import x509

from filters.base import Outcome
from filters.matting.segmenter import Segmenter
from server.app import ROOMS
from server.config.options import Config
from server.http.lifecycle import welcome
from server.http.metrics import Totals
from server.http.tls import self_signed
from server.rooms.hidden import HiddenCamera
from server.rooms.participant import Participant
from tests.support.program import free_port
from tests.support.serving import Client, serving
from tests.support.whip_client import offer, post


@pytest.fixture
async def here(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1), segmenter) as client:
        yield client


async def status(client: Client, path: str, **headers: str) -> int:
    async with client.get(path, headers=headers) as response:
        await response.read()
        return response.status


async def test_ready_until_it_drains(here: Client) -> None:
    assert [await status(here, path) for path in ("/healthz", "/readyz")] == [200, 200]
    here.app[ROOMS].draining = True
    assert [await status(here, path) for path in ("/healthz", "/readyz")] == [200, 503]
    async with here.ws_connect("/ws") as socket:
        await socket.send_json({"type": "join", "version": 1, "room": "studio", "name": "Ada"})
        assert (await socket.receive_json())["code"] == "shutting-down"


async def test_not_ready_without_a_worker_or_a_port(here: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever comes then is told to come later."""
    with monkeypatch.context() as patch:
        patch.setattr(here.app[ROOMS].media.workers, "ready", 0)
        assert await status(here, "/readyz") == 503
    for module in ("server.http.health", "server.rooms.rooms"):
        monkeypatch.setattr(f"{module}.has_free_ports", lambda ports, count: False)
    assert await status(here, "/readyz") == 503
    assert await status(here, "/healthz") == 200
    async with here.ws_connect("/ws") as socket:
        await socket.send_json({"type": "join", "version": 1, "room": "studio", "name": "Ada"})
        error = await socket.receive_json()
    assert (error["code"], error["fatal"]) == ("no-port", True)
    code, text = await post(here, "/whip/studio", await offer("sendonly", "audio"))
    assert (code, "no-port" in text) == (503, True)


async def test_metrics_name_what_there_is(here: Client) -> None:
    rooms = here.app[ROOMS]
    membership, _ = rooms.join("studio", "Ada Lovelace", "blur")
    membership.room.enter(membership)
    rooms.join("studio", "Bob", "blur")
    rooms.media.meter.note(wait=0.001, busy=0.005)
    membership.participant.video.received = 7
    membership.participant.filter.outcomes[Outcome.FULL_BLUR] = 4
    membership.participant.video.sent = 6
    async with here.get("/metrics") as response:
        text = await response.text()
        assert response.content_type == "text/plain"
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples["greenroom_rooms"] == "1.0"
    assert samples['greenroom_participants{state="room"}'] == "1.0"
    assert samples['greenroom_participants{state="lobby"}'] == "1.0"
    outcomes = {"received": 7, "covered": 4, "slated": 0, "sent": 6, "raw": 2}
    for outcome, frames in outcomes.items():
        assert float(samples[f'greenroom_frames_total{{outcome="{outcome}"}}']) == frames
    assert samples['greenroom_frame_seconds_bucket{le="0.006",part="work"}'] == "1.0"
    assert samples["greenroom_filter_errors_total"] == "0.0"
    assert "process_cpu_seconds_total" in samples
    assert "studio" not in text
    assert "Ada" not in text


async def test_metrics_are_for_this_machine_or_for_a_token(here: Client, segmenter: Segmenter) -> None:
    assert await status(here, "/metrics", **{"X-Forwarded-For": "192.0.2.1"}) == 403
    async with serving(Config(workers=1, metrics=False), segmenter) as without:
        assert await status(without, "/metrics") == 404
    async with serving(Config(workers=1, metrics_token="north"), segmenter) as secret:
        assert await status(secret, "/metrics") == 401
        assert await status(secret, "/metrics", Authorization="Bearer south") == 401
        assert await status(secret, "/metrics", Authorization="Bearer north") == 200


class Person:
    """As much of a Participant as Totals reads."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.publisher = self.subscriber = None
        self.egresses: set[Person] = set()
        self.bytes = 0
        self.video = self
        self.transcoder = self
        self.times = self
        self.decode = self.filter = self.encode = 0.5
        self.decoded = self.filtered = self.encoded = self.sent = 10
        self.stats = None
        self.hidden = HiddenCamera()

    def _asdict(self) -> dict[str, int]:
        return {"received": 12}

    def counters(self) -> Person:
        self.publisher = self  # type: ignore[assignment]
        return self


def test_totals_never_shrink() -> None:
    ada, bob = Person("ada"), Person("bob")
    for person in (ada, bob):
        person.counters()
    totals = Totals()
    totals.follow(cast("list[Participant]", [ada, bob]))
    assert totals.read()["received"] == 24
    totals.follow(cast("list[Participant]", [bob]))
    assert totals.read()["received"] == 24
    ada.sent = 0
    totals.follow([])
    assert totals.read()["sent"] == 20
    assert totals.read()["decode microseconds"] == 1_000_000


def test_bytes_of_every_connection_are_counted_until_it_ends() -> None:
    ada, whep, forwarded = Person("ada"), Person("whep"), Person("forwarded")
    ada.counters()
    ada.subscriber = ada  # type: ignore[assignment]
    totals, people = Totals(), cast("list[Participant]", [ada])
    ada.egresses = {whep, forwarded}
    ada.bytes, whep.bytes, forwarded.bytes = 1000, 100, 10
    totals.follow(people)
    assert totals.read()["bytes out"] == 1110
    ada.egresses = {forwarded}
    forwarded.bytes = 30
    totals.follow(people)
    ada.bytes = 5  # a new connection
    totals.follow(people)
    assert totals.read()["bytes out"] == 1135


def test_the_operator_is_told_who_may_come_in() -> None:
    assert list(welcome(Config(port=9))) == [
        "Greenroom is open at http://localhost:9 (Ctrl-C ends it)",
        "No token keys are configured: whoever reaches it may join any room.",
    ]
    assert list(welcome(Config(port=9, tls="self-signed", token_keys={"a": "b"}))) == [
        "Greenroom is open at https://localhost:9 (Ctrl-C ends it)"
    ]
    behind = Config(port=9, public_url="https://meet.example.org", token_keys={"a": "b"})
    assert list(welcome(behind))[1:] == ["  and at https://meet.example.org"]
    assert any(line.startswith("  and at http://") for line in welcome(Config(host="0.0.0.0", open=True)))


async def started(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """Start the product's own command on a free port; return it with its URL."""
    port = str(free_port())
    command = [sys.executable, "-m", "server", "--port", port, *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    while b"Greenroom is open" not in await process.stdout.readline():
        pass
    return process, f"http://127.0.0.1:{port}"


@pytest.mark.slow
async def test_sigterm_waits_for_the_rooms_to_empty() -> None:
    process, url = await started("--set", "drain_time=30", "--log-format", "json")
    async with ClientSession() as session, session.ws_connect(f"{url}/ws") as ada:
        await ada.send_json({"type": "join", "version": 1, "room": "studio", "name": "Ada Lovelace"})
        assert (await ada.receive_json())["type"] == "joined"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            while (await session.get(f"{url}/readyz")).status != 503:
                await asyncio.sleep(0.05)
        async with session.ws_connect(f"{url}/ws") as bob:
            await bob.send_json({"type": "join", "version": 1, "room": "studio", "name": "Bob"})
            assert (await bob.receive_json())["code"] == "shutting-down"
        assert process.returncode is None
        await ada.send_json({"type": "leave"})
        assert await asyncio.wait_for(process.wait(), 10) == 0
    assert process.stderr is not None
    log = (await process.stderr.read()).decode()
    assert [json.loads(line)["level"] for line in log.splitlines()]
    assert "Lovelace" not in log
    assert "studio" not in log


@pytest.mark.slow
async def test_a_second_sigterm_does_not_wait() -> None:
    process, url = await started("--set", "drain_time=30")
    async with ClientSession() as session, session.ws_connect(f"{url}/ws") as ada:
        await ada.send_json({"type": "join", "version": 1, "room": "studio", "name": "Ada"})
        await ada.receive_json()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            while (await session.get(f"{url}/readyz")).status != 503:
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


@pytest.mark.slow
async def test_sighup_reads_the_certificate_again(tmp_path: Path) -> None:
    pem = tmp_path / "both.pem"
    pem.write_bytes(self_signed(["first.example"]))
    files = ["--set", f"tls_certificate={pem}", "--set", f"tls_key={pem}"]
    process, url = await started(*files)
    port = int(url.rpartition(":")[2])

    async def name() -> str:
        pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
        extension = x509.load_pem_x509_certificate(pem.encode()).extensions
        names = extension.get_extension_for_class(x509.SubjectAlternativeName).value
        return str(names.get_values_for_type(x509.DNSName)[0])

    assert await name() == "first.example"
    pem.write_text("broken")
    process.send_signal(signal.SIGHUP)
    pem.write_bytes(self_signed(["second.example"]))
    async with asyncio.timeout(5):
        while await name() != "second.example":
            process.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    await process.wait()
    await process.communicate()


@pytest.mark.slow
async def test_sighup_without_a_certificate_ends_nothing() -> None:
    process, url = await started()
    process.send_signal(signal.SIGHUP)
    async with ClientSession() as session, session.get(f"{url}/healthz") as response:
        assert response.status == 200
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    await process.communicate()


@pytest.mark.slow
async def test_a_wrong_option_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "g.toml").write_text('token_keys = { a = "short" }')
    for arguments, said in (
        (["--host", "0.0.0.0"], "host 0.0.0.0: without token_keys anybody"),
        (["--config", str(tmp_path / "g.toml")], "token_keys.a: a secret has 32 characters"),
    ):
        command = [sys.executable, "-m", "server", "--port", "0", *arguments]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 1
        assert errors.decode().startswith(f"greenroom: {said}")
        assert errors.count(b"\n") == 1


pytestmark = pytest.mark.slow
