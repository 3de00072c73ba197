"""Makes a declared object of a document, and collects every mistake in it at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from perennial.errors import DeclarationError

Declared = TypeVar("Declared", bound=BaseModel)


def parse(kind: type[Declared], content: Any, shown: str, prefix: str = "") -> Declared:
    """`content` as an object of `kind`, or a `DeclarationError` that lists every mistake.

    `shown` is the file's name in messages; `prefix` the dotted path of `content` inside it.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        told = sentences(error, kind, prefix)
        raise DeclarationError([f"{shown}: {each}" for each in told]) from error


def sentences(error: ValidationError, kind: type[BaseModel], prefix: str = "") -> list[str]:
    """Every mistake that `kind` found, one sentence each; `prefix` is where the content stands."""
    schema = kind.model_json_schema()
    return [
        _sentence(each, schema, prefix) for each in error.errors() if not _follows_from_others(each)
    ]


def nearest(word: str, known: Iterable[str]) -> str:
    """`', did you mean "x"?'` for the closest known spelling, or nothing."""
    close = difflib.get_close_matches(str(word), [str(each) for each in known], n=1, cutoff=0.6)
    return f', did you mean "{close[0]}"?' if close else ""


def _follows_from_others(error: Any) -> bool:
    """Whether a list is only "too short" because its wrong items were not counted."""
    if error["type"] != "too_short" or not isinstance(error["input"], list | tuple):
        return False
    return len(error["input"]) >= int(error["ctx"]["min_length"])


PLAIN = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "dict_type": "a mapping",
    "model_type": "a mapping of fields",
    "tuple_type": "a list",
    "date_from_datetime_parsing": "a date (2013-03-01)",
    "date_type": "a date (2013-03-01)",
}


def _sentence(error: Any, schema: dict[str, Any], prefix: str) -> str:
    location = [str(part) for part in error["loc"] if part != "[key]"]
    path = ".".join(part for part in [prefix, *location] if part) or "the document"
    here = _schema_at(schema, schema, location)
    found, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            meaning = str(here.get("description", "")).rstrip(".")
            return f"{path} is missing" + (f": {meaning}" if meaning else "")
        case "extra_forbidden":
            known = sorted(_schema_at(schema, schema, location[:-1]).get("properties", {}))
            guess = nearest(location[-1], known)
            return f"{path} is not a known field{guess or ''} (accepted: {', '.join(known)})"
        case "literal_error" | "enum":
            allowed = _allowed(here, context)
            guess = nearest(str(found), allowed)
            return f"{path} must be one of {', '.join(allowed)}, got {found!r}{guess}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"{path} must be {_range(here, context)}, got {found!r}"
        case "too_short":
            return f"{path} must have at least {context['min_length']} of them, got {found!r}"
        case "value_error":
            meaning = str(error["msg"]).removeprefix("Value error, ")
            return f"{path}: {meaning}" if prefix or location else meaning
        case kind:
            expected = str(error["msg"]).removeprefix("Input should be ").removeprefix("Input ")
            return f"{path} must be {PLAIN.get(kind, expected)}, got {found!r}"


def _allowed(schema: dict[str, Any], context: dict[str, Any]) -> list[str]:
    if "enum" in schema or "const" in schema:
        return [str(each) for each in schema.get("enum") or [schema["const"]]]
    return re.findall(r"'([^']*)'", str(context.get("expected", "")))


def _range(schema: dict[str, Any], context: dict[str, Any]) -> str:
    low_open, low = schema.get("exclusiveMinimum"), schema.get("minimum")
    high_open, high = schema.get("exclusiveMaximum"), schema.get("maximum")
    left = f"({low_open}" if low_open is not None else f"[{low}" if low is not None else ""
    right = f"{high_open})" if high_open is not None else f"{high}]" if high is not None else ""
    if left and right:
        return f"in {left}, {right}"
    signs = {"gt": ">", "ge": "at least", "lt": "<", "le": "at most"}
    return " and ".join(f"{signs[name]} {bound}" for name, bound in context.items())


def _schema_at(node: dict[str, Any], root: dict[str, Any], location: list[str]) -> dict[str, Any]:
    """The part of a JSON schema that describes `location`; empty when it cannot be told."""
    if "$ref" in node:
        target = root["$defs"].get(node["$ref"].rsplit("/", 1)[-1], {})
        return _schema_at({**target, **_without_ref(node)}, root, location)
    for choice in ("anyOf", "oneOf", "allOf"):
        options = [each for each in node.get(choice, []) if each.get("type") != "null"]
        for option in options:
            found = _schema_at({**option, **_without(node, choice)}, root, location)
            if found:
                return found
    if not location:
        return node
    head, rest = location[0], location[1:]
    if head in node.get("properties", {}):
        return _schema_at(node["properties"][head], root, rest)
    if head.isdigit() and isinstance(node.get("items"), dict):
        return _schema_at(node["items"], root, rest)
    if isinstance(node.get("additionalProperties"), dict):
        return _schema_at(node["additionalProperties"], root, rest)
    return {}


def _without_ref(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key in ("description", "default")}


def _without(node: dict[str, Any], choice: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in (choice, "default", "title")}
