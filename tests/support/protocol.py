"""The messages of the signalling protocol, held against its schema."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from server.config.options import ROOT
from server.core.messages import Message

SCHEMA: dict[str, Any] = json.loads((ROOT / "server/signaling/protocol.schema.json").read_text("utf-8"))


def messages(side: str) -> dict[str, str]:
    """Return the names of the definitions of one side's messages by type; `side` is ServerMessage or ClientMessage."""
    found: dict[str, str] = {}
    for each in SCHEMA["$defs"][side]["anyOf"]:
        name = each["$ref"].rpartition("/")[2]
        kind = SCHEMA["$defs"][name]["properties"]["type"]
        for word in kind.get("enum", [kind.get("const")]):
            found[word] = name
    return found


@cache
def validator(definition: str) -> Draft202012Validator:
    """Return what checks values of one definition; fields that it does not name are wrong here."""
    closed = {
        name: each | {"additionalProperties": False} if "properties" in each else each
        for name, each in SCHEMA["$defs"].items()
    }
    return Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": closed})


def check(message: Message) -> None:
    """Raise ValidationError for what the server may not say."""
    # Through JSON, because tuples are lists on the wire.
    validator(messages("ServerMessage")[message["type"]]).validate(json.loads(json.dumps(message)))
