"""How a report looks: JSON for programs, short tables for people."""

from __future__ import annotations

import re
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from perennial.keep.report import Report

FEW = 6
LONG = 40
EMPTY: tuple[Any, ...] = (None, "", 0, [], {}, False)


def show(report: Report, as_json: bool) -> None:
    """Print a report to standard output: whole as JSON, or its gist as tables."""
    if as_json:
        click.echo(report.model_dump_json(indent=2))
        return
    content = report.model_dump(mode="json")
    console = Console(markup=False)  # what stands in brackets is data
    plain = {name: value for name, value in content.items() if not _records(value)}
    console.print(_facts(type(report).__name__, plain))
    for name, value in content.items():
        if records := _records(value):
            rows = [_flat(record) for record in records]
            table = _table(name, rows)
            if len(rows) <= FEW and console.measure(table).minimum >= console.width:
                table = _turned(name, rows)
            console.print(table)
            for sentence in _sentences(records):
                console.print(f"  {sentence}", highlight=False, soft_wrap=True)
    console.print("(--json shows everything)", style="dim")


def _records(value: Any) -> list[dict[str, Any]]:
    """The rows that a list of mappings, or a mapping of mappings, makes; else none."""
    if isinstance(value, dict) and value and all(isinstance(each, dict) for each in value.values()):
        return [{"": name, **each} for name, each in value.items()]
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return value
    return []


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record for one line: its first mapping spread out, if that is small; other mappings, texts
    and long sentences left out."""
    flat: dict[str, Any] = {}
    is_spread = False
    for name, value in record.items():
        if isinstance(value, dict) and len(value) > FEW:
            flat[name] = value
        elif isinstance(value, dict) and not is_spread and not _records(value):
            flat |= value
            is_spread = True
        elif not isinstance(value, dict) and not _is_texts(value) and not _is_sentence(value):
            flat[name] = value
    return flat


def _sentences(records: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    for record in records:
        for value in record.values():
            if _is_texts(value):
                found += [text for text in value if " " in text]
            elif _is_sentence(value):
                found.append(f"{next(iter(record.values()))}: {value}")
    return found


def _is_sentence(value: Any) -> bool:
    return isinstance(value, str) and len(value) > LONG and " " in value


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _facts(title: str, facts: dict[str, Any]) -> Table:
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in facts.items():
        if _is_texts(value) and (len(value) <= FEW or " " in value[0]):
            value = "\n".join(value)
        table.add_row(name, _text(value))
    return table


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    """One line a record; columns that hold nothing in any of them are left out."""
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name == "" or any(row.get(name) not in EMPTY for row in rows)
    ]
    table = Table(title=title, title_justify="left")
    for name in names:
        is_number = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    return table


def _turned(title: str, rows: list[dict[str, Any]]) -> Table:
    """One column a record, for few records of more fields than fit beside each other."""
    table = Table(title=title, title_justify="left", show_header=False)
    for name in dict.fromkeys(name for row in rows for name in row):
        if any(row.get(name) not in EMPTY for row in rows):
            table.add_row(name, *(_text(row.get(name)) for row in rows))
    return table


def _text(value: Any) -> str:
    """A value in a cell: digests cut short, long collections counted."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return value[:12] if re.fullmatch("[0-9a-f]{64}", value) else value
    if isinstance(value, list | dict) and (len(value) > FEW or _records(value)):
        return f"{len(value)} items"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    return "-" if value is None else str(value)
