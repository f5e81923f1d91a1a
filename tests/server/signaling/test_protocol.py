"""One schema for what goes over the wire: the page's types, the document, the API and the server agree with it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from server.config.options import ROOT
from server.http.api import DESCRIPTION
from server.signaling.handlers import REQUESTS
from tests.support.protocol import SCHEMA, messages, validator
from tools.protocol_types import TYPES, types

DOCUMENT = (ROOT / "server/signaling/protocol.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^    (→|←) (\{.*?\})(?=\s*$|     )", re.MULTILINE | re.DOTALL)
SHAPE = re.compile(
    r"^    (Participant|Background|Knock|Chat|Stream|Policy|Recording) +(= \{.*?\})$", re.M | re.DOTALL
)
SHARED = ("Participant", "Background", "Policy", "Recording", "Receipt")


def fields(definition: str) -> set[str]:
    """Return the names of a definition's fields, of the objects in it too."""
    found, todo = set[str](), [SCHEMA["$defs"][definition]]
    while todo:
        each: dict[str, Any] = todo.pop()
        found |= set(each.get("properties", ()))
        todo += [*each.get("properties", {}).values(), *each.get("anyOf", ())]
        if "items" in each:
            todo.append(each["items"])
        if "$ref" in each:
            todo.append(SCHEMA["$defs"][each["$ref"].rpartition("/")[2]])
    return found


def test_the_pages_types_are_made_from_the_schema() -> None:
    assert TYPES.read_text(encoding="utf-8") == types(), "run: python -m tools.protocol_types"


def test_the_server_takes_just_the_messages_of_the_schema() -> None:
    assert {"join", *REQUESTS} == set(messages("ClientMessage"))


@pytest.mark.parametrize(("arrow", "side"), [("→", "ClientMessage"), ("←", "ServerMessage")])
def test_the_document_shows_just_the_messages_of_the_schema(arrow: str, side: str) -> None:
    shown = {
        word
        for sign, text in EXAMPLE.findall(DOCUMENT)
        if sign == arrow
        for word in re.findall(r'"type": "([a-z-]+)"', text)
    }
    assert shown == set(messages(side))


@pytest.mark.parametrize(
    "text", [text for _, text in EXAMPLE.findall(DOCUMENT)], ids=lambda text: text[:40].replace('"', "")
)
def test_the_document_names_no_other_fields(text: str) -> None:
    names = set(re.findall(r'"(\w+)"\??:', text)) - {"p4f2"}
    kinds = re.findall(r'"type": "([a-z-]+)"', text)
    known = {
        field
        for side in ("ClientMessage", "ServerMessage")
        for kind, definition in messages(side).items()
        if kind in kinds
        for field in fields(definition)
    }
    assert names <= known


@pytest.mark.parametrize("name", SHARED)
def test_the_api_speaks_of_the_same_things(name: str) -> None:
    described = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["components"]["schemas"]
    assert set(SCHEMA["$defs"][name]["required"]) <= set(described[name]["properties"])


def test_a_field_that_is_missing_or_unknown_is_wrong() -> None:
    knock = {"id": "p1", "name": "Ada"}
    assert validator("Knock").is_valid(knock)
    assert not validator("Knock").is_valid({"id": "p1"})
    assert not validator("Knock").is_valid(knock | {"seat": "s"})
