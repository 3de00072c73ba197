"""Starts, stops and shows what runs."""

from __future__ import annotations

import click

from perennial.cli.group import commands
from perennial.declare.project import Project


@commands.command()
@click.option("--airflow", is_flag=True, help="Airflow too: web UI, scheduler and the rest.")
def up(airflow: bool) -> None:
    """Start gateway, freshener and slots under one supervisor; wait until they answer."""
    from perennial.deploy import supervision

    project = Project.find()
    states = supervision.up(project)
    if airflow:
        states = supervision.up_airflow(project)
    _show_addresses(project, states)


@commands.command()
def down() -> None:
    """Stop everything that `up` started."""
    from perennial.deploy.supervision import down as stop

    click.echo("stopped" if stop(Project.find()) else "nothing was running")


@commands.command()
def status() -> None:
    """Say what runs, what serves, and what was refused because its bytes are not as signed."""
    from perennial.deploy.supervision import status as ask
    from perennial.keep.distrust import distrusted
    from perennial.keep.ledger import Ledger, serving

    project = Project.find()
    states = ask(project)
    _show_addresses(project, states)
    for model in project.models:
        now = serving(project, model)
        click.echo(
            f"{model}: " + (f"{now.version} on {now.slot} since {now.since}" if now else "-")
        )
        for each in distrusted(project, Ledger.of(project), model):
            click.echo(f"{model}: REFUSED {each.version} ({each.by}, {each.since}): {each.why}")


@commands.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def airflow(arguments: tuple[str, ...]) -> None:
    """Run Airflow's own command line with this project's settings (after `--`)."""
    from perennial.deploy.airflow_processes import run

    run(Project.find(), list(arguments))


def _show_addresses(project: Project, states: dict[str, str]) -> None:
    """What runs, and where people and clients find it."""
    from perennial.deploy import airflow_processes, airflow_settings

    for name, state in states.items():
        click.echo(f"{name:<32} {state}")
    if not states:
        click.echo("nothing runs (`perennial up` starts it)")
        return
    click.echo(f"gateway: http://{project.settings.host}:{project.settings.gateway_port}")
    if all(states.get(name) == "active" for name in airflow_processes.COMPONENTS):
        user, password = airflow_settings.login(project)
        click.echo(f"Airflow: {airflow_settings.address(project)} (login {user} / {password})")
