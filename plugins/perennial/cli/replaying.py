"""Lives past nights under several policies, and compares them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from perennial.cli.group import Day, commands
from perennial.stages import MEANING


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--from", "start", required=True, type=Day(), help="The first night, YYYY-MM-DD.")
@click.option("--to", "end", required=True, type=Day(), help="The last night, YYYY-MM-DD.")
@click.option(
    "--policies",
    default="never,calendar:30,shipped",
    show_default=True,
    help="Separated by commas: shipped, never, calendar:K, random:N, watched, drift, performance; "
    "K or N may be another policy's name; each takes /STRATEGY or /window:DAYS after it.",
)
@click.option("--draws", default=3, show_default=True, type=click.IntRange(1),
              help="How often random nights are drawn.")  # fmt: skip
@click.option("--set", "changes", multiple=True, metavar="PATH=VALUE",
              help="Declare a field of the model otherwise, as in train.seed=8.")  # fmt: skip
@click.option("--anew", is_flag=True, help="Forget what was lived of this question before.")
@click.option("--write", "document", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Write table and picture into a Markdown file, between its marks.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def replay(
    model: str, start: str, end: str, policies: str, draws: int, changes: tuple[str, ...],
    anew: bool, document: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Live past nights under several policies of retraining; print their quality and cost.

    Killed, it goes on where it was. Nothing but var/replay and var/reports/replay is written.
    """
    from perennial.replay.policies import replay as run
    from perennial.replay.policies.telling import publish, show, write_into

    try:
        report = run(model, start, end, policies, draws=draws, changes=changes, anew=anew)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    page = publish(report)
    if document is not None:
        write_into(document, report)
    show(report, as_json or not sys.stdout.isatty(), page)
