"""REST: what applications may see and do with a host's token, and that the description tells the truth."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from jsonschema import Draft202012Validator

from filters.matting.segmenter import Segmenter
from server.access.tokens import Grant, Key, make_token
from server.app import ROOMS
from server.config.options import Config
from server.http.api import DESCRIPTION
from server.rooms.admission import Viewer
from server.rooms.membership import Membership
from tests.support.serving import Client, serving

LIFETIME = 86_400  # seconds; some tokens are made when tests are collected, long before they are used
SECRET = "north-" * 6
DOCUMENT: dict[str, Any] = json.loads(DESCRIPTION.read_text())


def token(grant: Grant) -> dict[str, str]:
    return {"Authorization": "Bearer " + make_token(Key("a", "HS256", SECRET), grant, LIFETIME)}


HOST = token(Grant("studio", role="host"))
EVERYWHERE = token(Grant(role="host"))


@pytest.fixture
async def here(segmenter: Segmenter) -> AsyncIterator[Client]:
    async with serving(Config(workers=1, token_keys={"a": SECRET}), segmenter) as client:
        yield client


@pytest.fixture
def ada(here: Client) -> Membership:
    membership, _ = here.app[ROOMS].join("studio", "Ada", "blur", Grant("studio", "ada@example.org"))
    membership.room.enter(membership)
    return membership


async def ask(
    client: Client,
    method: str,
    path: str,
    headers: dict[str, str] = HOST,
    **options: Any,  # noqa: ANN401
) -> tuple[int, Any]:
    async with client.request(method, "/api/v1" + path, headers=headers, **options) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


def conforms(value: object, schema: str) -> None:
    reference = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    Draft202012Validator(reference).validate(value)


async def test_rooms_and_people_are_as_described(here: Client, ada: Membership) -> None:
    assert await ask(here, "GET", "/rooms", EVERYWHERE) == (
        200,
        {"rooms": [{"name": "studio", "participants": 1}]},
    )
    status, room = await ask(here, "GET", "/rooms/Studio")
    assert status == 200
    conforms(room, "Room")
    (person,) = room["participants"]
    assert (person["name"], person["identity"], person["state"]) == ("Ada", "ada@example.org", "room")
    assert person["frames"]["raw"] == 0
    path = f"/rooms/studio/participants/{ada.participant.id}"
    assert await ask(here, "GET", path) == (200, person)
    ada.participant.video.sent += 2  # round the filter
    assert (await ask(here, "GET", path))[1]["frames"]["raw"] == 2
    status, backgrounds = await ask(here, "GET", "/backgrounds", {})
    assert status == 200
    for background in backgrounds["backgrounds"]:
        conforms(background, "Background")


async def test_a_background_a_policy_and_a_kick(here: Client, ada: Membership) -> None:
    told: list[dict[str, Any]] = []
    ada.send = told.append
    path = f"/rooms/studio/participants/{ada.participant.id}"
    status, person = await ask(here, "PUT", path + "/background", json={"background": "#102030"})
    assert (status, person["background"]) == (200, "#102030")
    assert told[-1] == {"type": "background", "background": "#102030", "reason": "policy"}
    status, policy = await ask(here, "PATCH", "/rooms/studio/policy", json={"backgrounds": ["fjord"]})
    assert (status, policy["backgrounds"]) == (200, ["fjord"])
    conforms(policy, "Policy")
    assert ada.participant.background == "fjord"
    assert (await ask(here, "PUT", path + "/background", json={"background": "blur"}))[0] == 403
    assert await ask(here, "DELETE", path) == (204, None)
    assert told[-1]["code"] == "removed"
    assert (await ask(here, "GET", path))[0] == 404


async def test_a_viewer_is_removed_and_stays_out(here: Client, ada: Membership) -> None:
    viewer = Viewer(Grant("studio", "mallory"), ada.participant.id)
    ada.room.viewers.add(viewer)
    assert await ask(here, "DELETE", f"/rooms/studio/participants/{viewer.id}") == (204, None)
    assert ada.room.viewers.describe() == []
    assert ada.room.bans.describe() == [{"id": viewer.id, "name": "Viewer"}]


async def test_invitations_are_made_listed_and_revoked(here: Client) -> None:
    wish = {"role": "guest", "lifetime": 3600, "pin": "482913"}
    status, made = await ask(here, "POST", "/rooms/studio/invitations", json=wish)
    assert status == 201
    conforms(made, "Invitation")
    assert (made["role"], made["pin"]) == ("guest", True)
    assert await ask(here, "GET", "/rooms/studio/invitations") == (200, {"invitations": [made]})
    refused = {"Authorization": f"Bearer {made['token']}"}
    status, problem = await ask(here, "GET", "/rooms/studio", refused)
    assert (status, problem["code"]) == (401, "pin-missing")
    assert await ask(here, "DELETE", f"/rooms/studio/invitations/{made['id']}") == (204, None)
    assert await ask(here, "GET", "/rooms/studio/invitations") == (200, {"invitations": []})
    assert (await ask(here, "GET", "/rooms/studio", refused))[1]["code"] == "token-revoked"
    assert (await ask(here, "DELETE", "/rooms/studio/invitations/nobody"))[0] == 404


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "token-missing"),
        ({"Authorization": "Bearer x"}, 401, "token-invalid"),
        ({"Authorization": "Basic x"}, 401, "token-missing"),
        (token(Grant("studio")), 403, "host-only"),
        (token(Grant("attic", role="host")), 403, "token-wrong-room"),
    ],
)
async def test_only_hosts_tokens_open_it(
    here: Client, ada: Membership, headers: dict[str, str], status: int, code: str
) -> None:
    for method, path in (
        ("GET", "/rooms/studio"),
        ("DELETE", f"/rooms/studio/participants/{ada.participant.id}"),
    ):
        found, error = await ask(here, method, path, headers)
        assert (found, error["code"]) == (status, code)
        conforms(error, "Error")


async def test_the_list_of_rooms_takes_a_token_for_all(here: Client) -> None:
    assert (await ask(here, "GET", "/rooms", HOST))[0] == 403


async def test_a_server_without_keys_has_none_of_it(segmenter: Segmenter) -> None:
    async with serving(Config(workers=1), segmenter) as client:
        assert (await ask(client, "GET", "/rooms", {}))[1]["code"] == "no-keys"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": "{}"}, 415),
        ({"json": []}, 400),
        ({"data": "{", "headers": HOST | {"Content-Type": "application/json"}}, 400),
        ({"json": {"background": 7}}, 400),
        ({"json": {"background": "../../etc/passwd"}}, 422),
        ({"json": {"background": "x" * 20_000}}, 413),
    ],
)
async def test_bodies_that_are_wrong(
    here: Client, ada: Membership, options: dict[str, Any], status: int
) -> None:
    path = f"/rooms/studio/participants/{ada.participant.id}/background"
    found, error = await ask(here, "PUT", path, **options)
    assert found == status
    conforms(error, "Error")


async def test_every_route_is_described_and_the_other_way_round(here: Client) -> None:
    described = {
        (method.upper(), "/api/v1" + path)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if method != "parameters"
    }
    served = {
        (route.method, route.resource.canonical)
        for route in here.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/v1/")
    }
    assert {route for route in served if route[0] != "HEAD"} == described | {("GET", "/api/v1/openapi.json")}
    async with ClientSession() as session, session.get(here.make_url("/api/v1/openapi.json")) as response:
        assert await response.json() == DOCUMENT


@pytest.mark.slow
async def test_schemathesis_finds_nothing(here: Client, ada: Membership, tmp_path: Path) -> None:
    executable = Path(sys.executable).with_name("schemathesis")
    if shutil.which(executable) is None:
        pytest.skip("schemathesis is not installed")
    url = str(here.make_url("/api/v1"))
    arguments = [
        "run",
        f"{url}/openapi.json",
        "--url",
        url,
        "-H",
        f"Authorization: {EVERYWHERE['Authorization']}",
    ]
    limits = ["--max-examples", "8", "--phases", "examples,coverage,fuzzing", "--seed", "1", "--no-color"]
    process = await asyncio.create_subprocess_exec(
        executable, *arguments, *limits, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output.decode()
