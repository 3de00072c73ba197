"""What is declared, field by field: its path, what it accepts, its default, what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

BOUNDS = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "more than"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "less than"),
)


@dataclass(frozen=True)
class Described:
    """One field; `path` is dotted, with `[]` after a list."""

    path: str
    accepts: str
    default: str
    meaning: str


def fields_of(kind: type[BaseModel]) -> list[Described]:
    """Every field of a declared type, those inside others too, in the order of declaration.

    >>> from perennial.declare.gates import Gate
    >>> [each.path for each in fields_of(Gate)][-2:]
    ['daily[].severity', 'daily[].why']
    """
    schema = kind.model_json_schema(by_alias=True)
    return list(_fields(schema, schema, ""))


def _fields(node: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[Described]:
    required = node.get("required", [])
    for name, field in node.get("properties", {}).items():
        path = f"{prefix}{name}"
        given = _given(field, root)
        default = "required" if name in required else _default(field.get("default"))
        # Pydantic leaves a field's description out where its type's docstring says the same.
        meaning = field.get("description") or given.get("description", "")
        yield Described(path, _accepts(given, root), default, meaning)
        yield from _fields(given, root, f"{path}.")
        if given.get("type") == "array":
            yield from _fields(_given(given["items"], root), root, f"{path}[].")


def _given(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema of what a field holds when it holds something."""
    options = [each for each in node.get("anyOf", []) if each.get("type") != "null"]
    node = options[0] if len(options) == 1 else node
    if "$ref" in node:
        found: dict[str, Any] = root["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        return found
    return node


def _accepts(node: dict[str, Any], root: dict[str, Any]) -> str:
    node = _given(node, root)
    words = node.get("enum") or ([node["const"]] if "const" in node else [])
    if words:
        return " or ".join(f"`{each}`" for each in words)
    kind = str(node.get("format") or node.get("type", "any value"))
    if kind == "array":
        return f"list of {_accepts(node['items'], root)}"
    if isinstance(node.get("additionalProperties"), dict):
        return f"mapping to {_accepts(node['additionalProperties'], root)}"
    return ", ".join([kind, *(f"{word} {node[bound]}" for bound, word in BOUNDS if bound in node)])


def _default(value: Any) -> str:
    if value in (None, "", [], {}):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"
