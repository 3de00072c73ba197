"""Lives past days and nights, and shows what came of them."""

from __future__ import annotations

import sys
from datetime import date

import click

from perennial.cli.group import Day, commands
from perennial.declare.project import Project
from perennial.errors import IntegrityError
from perennial.stages import MEANING


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--day", required=True, type=Day(), help="The UTC day to live, as YYYY-MM-DD.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def live(model: str, day: str, as_json: bool) -> None:
    """Live one past day of the lake through the gateway: its events and questions, in order.

    The online store shows that day afterwards. Fails when an answer differs from the offline one.
    """
    from perennial.replay import live as run
    from perennial.shown import show

    lived = run(model, day)
    show(lived, as_json or not sys.stdout.isatty())
    if lived.n_equal_to_offline < lived.n_questions:
        raise IntegrityError(
            f"{lived.n_questions - lived.n_equal_to_offline} of {lived.n_questions} answers differ "
            f"from the offline ones, the most by {lived.largest_difference:.3g}"
        )


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--start", required=True, type=Day(), help=MEANING["start"])
@click.option("--end", required=True, type=Day(), help=MEANING["end"])
def bootstrap(model: str, start: str, end: str) -> None:
    """Let a first version serve, learned and judged on a period; what serves already stays."""
    from perennial.replay.bootstrap import bootstrap as run

    version = run(Project.find(), model, date.fromisoformat(start), date.fromisoformat(end))
    click.echo(f"{model} {version} serves")


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--first", required=True, type=Day(), help="The first UTC day that is lived.")
@click.option("--nights", default=10, show_default=True, help="How many days and nights.")
@click.option(
    "--step-minutes",
    default=30,
    show_default=True,
    help="Minutes whose events are told together; 0 tells each before the next question.",
)
def rehearse(model: str, first: str, nights: int, step_minutes: int) -> None:
    """Live days and nights: real traffic, and the scheduler's own nights; one line per night.

    Needs a version that serves (`bootstrap`), and servers and Airflow (`up --airflow`).
    """
    from perennial.replay.rehearsal import rehearse as run
    from perennial.replay.telling import heading, line

    project = Project.find()
    declared = project.model(model)
    click.echo(heading(declared))
    for lived in run(project, model, date.fromisoformat(first), nights, step_minutes):
        click.echo(line(declared, lived))


@commands.command()
@click.option("--model", required=True, help=MEANING["model"])
def show(model: str) -> None:
    """Show a model: its metrics beside the baselines', what serves, recent answers, addresses."""
    from perennial.replay.showing import show_model

    show_model(Project.find(), model)
