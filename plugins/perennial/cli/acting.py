"""What a person does now and then: go back, score a period, keep house."""

from __future__ import annotations

import sys
from typing import Any

import click

from perennial.cli.group import Day, commands
from perennial.stages import MEANING


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--at", required=True, type=Day(), help=MEANING["at"])
@click.option("--why", required=True, help="The reason, for the record.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def roll_back(model: str, at: str, why: str, as_json: bool) -> None:
    """Abort the release under way, or return to the version that answered before."""
    from perennial.release import roll_back as run
    from perennial.shown import show

    show(run(model, at, why), as_json or not sys.stdout.isatty())


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--start", required=True, type=Day(), help=MEANING["start"])
@click.option("--end", required=True, type=Day(), help=MEANING["end"])
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def score(model: str, start: str, end: str, as_json: bool) -> None:
    """Answer all questions of a period with what serves now, into data/lake/predictions."""
    from perennial.score import score as run
    from perennial.shown import show

    show(run(model, start, end), as_json or not sys.stdout.isatty())


@commands.command()
@click.option("--at", required=True, type=Day(), help="The day from which ages are counted.")
@click.option("--keep-reports", default=120, show_default=True, help="Nights per model.")
@click.option("--journal-days", default=30, show_default=True, help="Of folded journals.")
@click.option("--keep-releases", default=5, show_default=True, help="Whose Bentos stay.")
@click.option("--mlflow-days", default=30, show_default=True, help="Of deleted runs.")
@click.option("--collect-dvc", is_flag=True, help="DVC's cache too (`dvc gc`).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def housekeep(at: str, as_json: bool, **ages: Any) -> None:
    """Remove what nothing needs any more, by its age; tells everything that went."""
    from perennial.housekeep import housekeep as run
    from perennial.shown import show

    show(run(at, **ages), as_json or not sys.stdout.isatty())
