"""The contract of a source's columns, held against what a file has."""

from __future__ import annotations

from collections.abc import Iterable

from perennial.declare.reading import nearest
from perennial.declare.sources import SOURCES, Source


def broken_columns(source: Source, part: str, found: Iterable[str]) -> list[str]:
    """One sentence per contract column that `part` lacks, with the likely new name."""
    found = list(found)
    declared = [column.name for column in source.columns]
    added = [each for each in found if each not in declared]
    sentences = []
    for column in source.columns:
        if column.name in found:
            continue
        guess = _likely_name(column.name, added)
        sentences.append(
            f"{source.name}: {part}: column {column.name!r} is missing{guess} "
            f"(found: {', '.join(found) or 'no column'}; accepted: {column.name} as "
            f"{column.data_type}; declared in {SOURCES}: {source.name}.columns.{column.name})"
        )
    return sentences


def _likely_name(name: str, added: list[str]) -> str:
    """The added column that `name` was probably renamed to, as a part of a sentence."""
    for each in added:
        if each.strip().casefold() == name.casefold():  # which no spelling distance would see
            return f', renamed to "{each}"?'
    return nearest(name, added).replace("did you mean", "renamed to")


def added_columns(source: Source, found: Iterable[str]) -> set[str]:
    """The columns that no contract names."""
    return set(found) - {column.name for column in source.columns}


def retyped(source: Source, part: str, column: str, found: str) -> str:
    """The sentence about a column whose values are of another type than its contract's."""
    accepted = source.column(column).data_type
    return (
        f"{source.name}: {part}: column {column!r} is retyped: found {found}; "
        f"accepted: {accepted}; declared in {SOURCES}: {source.name}.columns.{column}"
    )
