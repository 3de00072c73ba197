"""Searches the parameters of a model."""

from __future__ import annotations

import sys

import click

from perennial.cli.group import Day, commands
from perennial.stages import MEANING


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--at", required=True, type=Day(), help=MEANING["at"])
@click.option("--trials", type=click.IntRange(1), help="The most trials; else train.tune.trials.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help="The most minutes of all runs together; else train.tune.minutes.")  # fmt: skip
@click.option(
    "--write", is_flag=True, help="Declare the best in models/<model>.yaml, unless it is worse "
    "beyond doubt.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def tune(
    model: str, at: str, trials: int | None, minutes: float | None, write: bool, as_json: bool
) -> None:
    """Search better parameters on folds of past days, within a budget.

    Killed, it goes on where it was. Declarations stay as they are without --write.
    """
    from perennial.shown import show
    from perennial.train.tuning import tune as search
    from perennial.train.tuning.page import publish
    from perennial.train.tuning.writing import snippet, write_into_declaration

    report = search(model, at, trials, minutes)
    if write:
        report = write_into_declaration(report)
    page = publish(report)
    as_json = as_json or not sys.stdout.isatty()
    show(report, as_json)
    if not as_json:
        click.echo(snippet(report), nl=False)
        click.echo(f"{page} shows every trial")
