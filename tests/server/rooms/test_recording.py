"""Who may record a room, who is told, and what happens when the disk does not play along."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from filters.matting.segmenter import Segmenter
from server.access.tokens import Grant, Key, make_token
from server.app import ROOMS
from server.config.options import Config
from server.media.recording.recorder import INDEX, Recorder
from server.media.recording.webm import WebmFile
from server.rooms import recording
from server.rooms.recording import folder_for
from server.rooms.rooms import Rooms
from tests.support.guest import Guest, joined
from tests.support.painting import speech
from tests.support.serving import Client, serving

SECRET = "north-" * 6
ALLOW = {"recording": True}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(workers=1, max_participants=4, recordings=tmp_path / "recordings")


@pytest.fixture
async def ada(rooms: Rooms) -> Guest:
    """The host of a room that may be recorded."""
    ada = await joined(rooms, "Ada")
    await ada.ask("policy", policy=ALLOW)
    return ada


def folders(config: Config) -> list[Path]:
    assert config.recordings is not None
    return sorted(config.recordings.iterdir()) if config.recordings.exists() else []


async def test_everybody_is_told_and_whoever_comes_later(rooms: Rooms, ada: Guest) -> None:
    bob = await joined(rooms, "Bob")
    max_ = await joined(rooms, "Max", preview=True)
    assert bob.last("joined")["recording"] is None
    await ada.ask("recording", on=True)
    for guest in (ada, bob, max_):
        told = guest.last("recording")
        assert (told["recording"]["by"], told["reason"]) == (ada.id, None)
    late = await joined(rooms, "Late", preview=True)
    assert late.last("joined")["recording"] == ada.last("recording")["recording"]
    await late.ask("enter")
    assert late.last("entered")["recording"] == ada.last("recording")["recording"]
    await ada.ask("recording", on=True)
    assert len(ada.told("recording")) == 1
    await ada.ask("recording", on=False)
    for guest in (ada, bob, max_, late):
        assert guest.last("recording") == {"type": "recording", "recording": None, "reason": "stopped"}


async def test_nobody_records_unless_the_policy_says_so(rooms: Rooms, config: Config) -> None:
    ada = await joined(rooms, "Ada")
    assert ada.last("joined")["limits"]["recording"] == "policy"
    assert await ada.refused("recording", on=True) == "recording-forbidden"
    await ada.ask("recording", on=False)
    assert not ada.told("recording")
    await asyncio.to_thread(lambda: None)
    assert not folders(config)


async def test_only_hosts_record(rooms: Rooms, ada: Guest) -> None:
    bob = await joined(rooms, "Bob")
    for on in (True, False):
        assert await bob.refused("recording", on=on) == "host-only"
    assert await ada.refused("recording", on="yes") == "bad-message"


async def test_a_policy_that_comes_to_forbid_it_ends_it(rooms: Rooms, ada: Guest) -> None:
    await ada.ask("recording", on=True)
    await ada.ask("policy", policy={"locked": True})
    assert len(ada.told("recording")) == 1
    await ada.ask("policy", policy={"recording": False})
    assert ada.last("recording")["reason"] == "policy"


async def test_files_are_of_those_who_are_inside(rooms: Rooms, ada: Guest, config: Config) -> None:
    await ada.ask("recording", on=True)
    await joined(rooms, "Max", preview=True)
    bob = await joined(rooms, "../../Bob")
    await bob.ask("leave")
    await bob.session.end()
    room = ada.session.membership.room
    await ada.ask("leave")
    await ada.session.end()
    await room.recording.close()
    (folder,) = folders(config)
    index = json.loads((folder / INDEX).read_text())
    assert [entry["name"] for entry in index["files"]] == ["Ada", "../../Bob"]
    assert [entry["file"] for entry in index["files"]] == [f"{ada.id}.webm", f"{bob.id}.webm"]
    assert index["end"] is not None
    assert room.recording.state is None


async def test_without_a_folder_there_is_no_recording(segmenter: Segmenter) -> None:
    rooms = Rooms(Config(workers=1), segmenter)
    ada = await joined(rooms, "Ada")
    await ada.ask("policy", policy=ALLOW)
    assert ada.last("joined")["limits"]["recording"] == "off"
    assert await ada.refused("recording", on=True) == "recording-off"
    await rooms.close()


async def test_a_disk_error_is_told_to_hosts_and_nobody_leaves(
    segmenter: Segmenter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    rooms = Rooms(Config(workers=1, recordings=tmp_path / "file"), segmenter)
    ada, bob = await joined(rooms, "Ada"), await joined(rooms, "Bob")
    await ada.ask("policy", policy=ALLOW)
    await ada.ask("recording", on=True)
    async with asyncio.timeout(10):
        while not ada.told("error"):
            await asyncio.sleep(0.001)
    assert ada.last("error")["code"] == "recording-failed"
    assert not ada.last("error")["fatal"]
    assert "Not a directory" in ada.last("error")["message"]
    assert not bob.told("error")
    assert bob.last("recording")["reason"] == "error"
    assert len(bob.session.membership.room.members) == 2
    assert "Not a directory" in caplog.text
    assert "studio" not in caplog.text
    await rooms.close()


async def test_a_defect_ends_it_too_and_is_logged(
    rooms: Rooms, ada: Guest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Recorder) -> None:
        raise TypeError("out of order")

    monkeypatch.setattr(Recorder, "_make_folder", fail)
    await ada.ask("recording", on=True)
    async with asyncio.timeout(10):
        while not ada.told("error"):
            await asyncio.sleep(0.001)
    assert ada.last("error")["code"] == "recording-failed"
    assert "out of order" not in ada.last("error")["message"]
    assert ada.last("recording")["reason"] == "error"
    assert "TypeError: out of order" in caplog.text
    assert "studio" not in caplog.text


@pytest.mark.parametrize("room", ["studio", "..x", ".hidden", "a/../b", "-rf", "x" * 200, "ü\0"])
def test_a_folders_name_leads_nowhere_else(room: str, tmp_path: Path) -> None:
    folder = folder_for(tmp_path, room)
    assert folder.parent == tmp_path
    assert re.fullmatch(r"\d{8}T\d{6}Z-[a-z0-9_-]{1,64}-[0-9a-f]{8}", folder.name)
    assert folder_for(tmp_path, room) != folder


async def test_it_is_composed_when_it_ends(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: asyncio.Queue[Path] = asyncio.Queue()
    monkeypatch.setattr(recording, "compose_apart", composed.put)
    rooms = Rooms(Config(workers=1, recordings=tmp_path, compose=True), segmenter)
    ada = await joined(rooms, "Ada")
    await ada.ask("policy", policy=ALLOW)
    await ada.ask("recording", on=True)
    await ada.ask("recording", on=False)
    async with asyncio.timeout(10):
        assert (await composed.get()).parent == tmp_path
    await rooms.close()


@pytest.fixture
async def here(segmenter: Segmenter, tmp_path: Path) -> AsyncIterator[Client]:
    config = Config(workers=1, token_keys={"a": SECRET}, recordings=tmp_path)
    async with serving(config, segmenter) as client:
        yield client


def bearer(grant: Grant) -> dict[str, str]:
    return {"Authorization": "Bearer " + make_token(Key("a", "HS256", SECRET), grant, 3600)}


async def ask(client: Client, method: str, grant: Grant) -> tuple[int, Any]:
    path = "/api/v1/rooms/studio/recording"
    async with client.request(method, path, headers=bearer(grant)) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


HOST = Grant("studio", role="host")


@pytest.mark.parametrize(
    ("claim", "policy", "status"),
    [(None, False, 403), (None, True, 200), (True, False, 200), (False, True, 403)],
)
async def test_a_tokens_claim_wins_over_the_policy(
    here: Client, claim: bool | None, policy: bool, status: int
) -> None:
    guest = Guest(here.app[ROOMS])
    token = bearer(HOST)["Authorization"].removeprefix("Bearer ")
    await guest.join(token=token)
    await guest.ask("policy", policy={"recording": policy})
    found, told = await ask(here, "PUT", Grant("studio", role="host", recording=claim))
    assert found == status
    if status == 200:
        assert told == {"recording": guest.last("recording")["recording"]}
        assert told["recording"]["by"] is None
        assert await ask(here, "GET", HOST) == (200, told)
        assert await ask(here, "DELETE", HOST) == (204, None)
        assert await ask(here, "GET", HOST) == (200, {"recording": None})


async def test_a_recording_of_a_lobby_ends_with_it(here: Client) -> None:
    rooms, claims = here.app[ROOMS], Grant("studio", role="host", recording=True)
    guest = Guest(rooms)
    await guest.join(preview=True, token=bearer(claims)["Authorization"].removeprefix("Bearer "))
    (room,) = rooms.open_rooms.all()
    assert (await ask(here, "PUT", claims))[0] == 200
    await guest.ask("leave")
    await guest.session.end()
    assert rooms.open_rooms.all() == []
    assert room.recording.state is None
    await room.recording.close()


async def test_a_recording_by_token_outlasts_other_changes_of_the_policy(here: Client) -> None:
    claims = Grant("studio", role="host", recording=True)
    guest = Guest(here.app[ROOMS])
    await guest.join(token=bearer(claims)["Authorization"].removeprefix("Bearer "))
    assert guest.last("joined")["limits"]["recording"] == "allowed"
    await guest.ask("recording", on=True)
    await guest.ask("policy", policy={"locked": True})
    assert guest.last("recording")["recording"] is not None


@pytest.mark.slow
async def test_composing_runs_in_a_process_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_for(tmp_path, "studio")
    folder.mkdir()
    file = WebmFile(folder / "p1.webm", (160, 96))
    for i, packet in enumerate(speech(50)):
        file.write_audio(packet.data, 20 * i)
    file.close()
    entry = {"participant": "p1", "name": "Ada", "file": "p1.webm", "start": 0.0, "end": 1.0}
    (folder / INDEX).write_text(json.dumps({"version": 1, "files": [entry]}))
    await recording.compose_apart(folder)
    assert (folder / recording.COMPOSED).stat().st_size > 1000
    assert not caplog.records
    (folder / "p2.webm").write_bytes(b"")
    (folder / INDEX).write_text(json.dumps({"version": 1, "files": [entry, entry | {"file": "p2.webm"}]}))
    await recording.compose_apart(folder)
    (message,) = caplog.messages
    assert re.search(r"p2\.webm: cannot be read: .*: left out$", message)
    (folder / INDEX).write_text("{}")
    await recording.compose_apart(folder)
    assert "not the index of a recording" in caplog.text
    assert "could not be composed" in caplog.text
    assert "studio" not in caplog.text
