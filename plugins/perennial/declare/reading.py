"""Reads one YAML file into a declared object, and collects every mistake in it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from perennial.errors import DeclarationError

Declared = TypeVar("Declared", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """Safe loading that refuses a key that stands twice (YAML would let the last one win)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value!r} stands here twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_yaml(path: Path, shown: str) -> Any:
    """The YAML document at `path`; a syntax mistake names file, line and column."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # it is a safe one
    except FileNotFoundError as error:
        raise DeclarationError([f"{shown}: the file does not exist"]) from error
    except UnicodeDecodeError as error:
        raise DeclarationError([f"{shown}: is not UTF-8 text ({error.reason})"]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise DeclarationError([f"{shown}:{where}: not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise DeclarationError([f"{shown}: not valid YAML: {reason}"]) from error


def parse(kind: type[Declared], content: Any, shown: str, prefix: str = "") -> Declared:
    """`content` as an object of `kind`, or a `DeclarationError` that lists every mistake.

    `shown` is the file's name in messages; `prefix` the dotted path of `content` inside it.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        schema = kind.model_json_schema()
        lines = [f"{shown}: {_sentence(each, schema, prefix)}" for each in error.errors()]
        raise DeclarationError(lines) from error


def nearest(word: str, known: Iterable[str]) -> str:
    """`', did you mean "x"?'` for the closest known spelling, or nothing."""
    close = difflib.get_close_matches(str(word), [str(each) for each in known], n=1, cutoff=0.6)
    return f', did you mean "{close[0]}"?' if close else ""


def _sentence(error: Any, schema: dict[str, Any], prefix: str) -> str:
    location = [str(part) for part in error["loc"]]
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
            allowed = here.get("enum") or [here["const"]] if here else [context.get("expected")]
            listed = ", ".join(str(each) for each in allowed)
            guess = nearest(str(found), map(str, allowed))
            return f"{path} must be one of {listed}, got {found!r}{guess}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"{path} must be {_range(here, context)}, got {found!r}"
        case "value_error":
            return f"{path}: {str(error['msg']).removeprefix('Value error, ')}"
        case _:
            expected = str(error["msg"]).removeprefix("Input should be ").removeprefix("Input ")
            return f"{path} must be {expected}, got {found!r}"


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
