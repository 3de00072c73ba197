"""The columns that a gate is about, read from its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perennial.declare.gates import Expectation, Gate

ARGUMENTS = ("column", "column_A", "column_B", "column_list")


def columns_of(declared: Expectation) -> tuple[str, ...]:
    """The columns that an expectation is about."""
    found: list[str] = []
    for argument in ARGUMENTS:
        value = declared.kwargs.get(argument, [])
        found += [value] if isinstance(value, str) else [str(each) for each in value]
    return tuple(found)


def key_of(gate: Gate) -> tuple[str, ...]:
    """The columns that the gate declares to identify a row; empty when it declares none."""
    kinds = ("expect_compound_columns_to_be_unique", "expect_column_values_to_be_unique")
    unique = [each for kind in kinds for each in gate.expectations if each.type == kind]
    return columns_of(unique[0]) if unique else ()


def mentioned(gate: Gate | None, names: list[str]) -> list[str]:
    """The columns among `names` that the gate's arguments mention (all, for a table's shape)."""
    if gate is None:
        return names[:1]
    if any(each.type.startswith("expect_table_column") for each in _every(gate)):
        return names
    found = texts_of(gate)
    # At least one, so that rows can be counted.
    return [name for name in names if any(name in text for text in found)] or names[:1]


def texts_of(gate: Gate) -> set[str]:
    """Every text in the arguments of the gate's expectations."""
    return {text for each in _every(gate) for text in _texts(each.kwargs)}


def _every(gate: Gate) -> tuple[Expectation, ...]:
    return (*gate.expectations, *gate.daily)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
