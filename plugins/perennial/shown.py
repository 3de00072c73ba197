"""How a report looks: JSON for programs, a table for people."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from perennial.keep.report import Report


def show(report: Report, as_json: bool) -> None:
    """Print a report to standard output."""
    if as_json:
        click.echo(report.model_dump_json(indent=2))
        return
    console = Console()
    plain, nested = _split(report.model_dump(mode="json"))
    table = Table(title=type(report).__name__, show_header=False, title_justify="left")
    for name, value in plain.items():
        table.add_row(name, _text(value))
    console.print(table)
    for name, rows in nested.items():
        console.print(_rows(name, rows))


def _split(content: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    nested = {
        name: value
        for name, value in content.items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    return {name: value for name, value in content.items() if name not in nested}, nested


def _rows(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=name, title_justify="left")
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in rows[0]))
    return table


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) if len(value) <= 12 else f"{len(value)} values"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(each)}" for key, each in value.items())
    return "-" if value is None else str(value)
