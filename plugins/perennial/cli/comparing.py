"""Holds what answers were made from against what they should have been made from."""

from __future__ import annotations

import os
import sys

import click

from perennial.cli.group import commands
from perennial.errors import IntegrityError
from perennial.stages import MEANING


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
@click.option(
    "--release", "release_id", type=int, help="Only answers of its present phase; else of all that "
    "is journaled.",
)  # fmt: skip
@click.option("--rows", type=click.IntRange(1), help="Answers at most; else as declared.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and never fail.")
@click.option("--yielding", is_flag=True, hidden=True, help="Let what answers go first.")
def parity(
    model: str, release_id: int | None, rows: int | None, as_json: bool, yielding: bool
) -> None:
    """Recompute the features of journaled answers, value by value, as of their own time.

    Fails when a value differs in more answers than `release.parity.max_share` allows.
    """
    if yielding:
        os.nice(10)
    from perennial.release.parity_run import recompute
    from perennial.shown import show

    found = recompute(model, release_id, rows)
    show(found, as_json or not sys.stdout.isatty())
    if not as_json and found.outcome == "failed":
        raise IntegrityError(found.says)
