"""Make static/protocol/types.js from server/signaling/protocol.schema.json: python -m tools.protocol_types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
SCHEMA: Final = ROOT / "server" / "signaling" / "protocol.schema.json"
TYPES: Final = ROOT / "static" / "protocol" / "types.js"

HEAD: Final = """\
// @ts-check
/**
 * The messages of server/signaling/protocol.md, version 1; made by tools/protocol_types.py, not by hand.
"""
TAIL: Final = """\
 */

/** The protocol version this page speaks. */
export const VERSION = 1;
"""
PLAIN: Final = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
}


def type_of(schema: dict[str, Any]) -> str:
    """Return a schema as a type of TypeScript; what the schemas here do not use raises KeyError."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        return " | ".join(map(_literal, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(type_of(each) for each in schema["anyOf"])
    if schema["type"] == "array":
        items = type_of(schema["items"])
        return f"({items})[]" if " | " in items else f"{items}[]"
    if schema["type"] != "object":
        return PLAIN[schema["type"]]
    if "additionalProperties" in schema:
        return f"Record<string, {type_of(schema['additionalProperties'])}>"
    fields = (f"{name}{_mark(schema, name)}: {type_of(each)}" for name, each in schema["properties"].items())
    return "{" + ", ".join(fields) + "}"


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _mark(schema: dict[str, Any], name: str) -> str:
    return "" if name in schema["required"] else "?"


def typedef(name: str, schema: dict[str, Any]) -> str:
    """Return the lines of one @typedef of JSDoc."""
    about = f" {schema['description']}" if "description" in schema else ""
    if schema.get("type") != "object":
        return f" *\n * @typedef {{{type_of(schema)}}} {name}{about}\n"
    lines = [f" *\n * @typedef {{object}} {name}{about}\n"]
    for field, each in schema["properties"].items():
        shown = field if field in schema["required"] else f"[{field}]"
        about = f" {each['description']}" if "description" in each else ""
        lines.append(f" * @property {{{type_of(each)}}} {shown}{about}\n")
    return "".join(lines)


def types() -> str:
    """Return what types.js must hold."""
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    return HEAD + "".join(typedef(name, schema) for name, schema in definitions.items()) + TAIL


if __name__ == "__main__":
    TYPES.write_text(types(), encoding="utf-8")
