"""The command line: one command per stage, and what starts, stops and checks a project.

Every stage's command has the stage's own arguments as options. A report is a table on a terminal,
and JSON with `--json` or when it is piped.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, get_args

import click

from perennial.declare.gates import Layer
from perennial.declare.project import Project
from perennial.errors import IntegrityError, PerennialError
from perennial.keep.files import replace_text
from perennial.stages import MEANING, STAGES, Stage


class InOrder(click.Group):
    """Lists its commands in the order in which they are declared: the stages' own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands."""
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Perennial keeps machine-learning models alive: declare them, and it does the rest."""


def main() -> None:
    """Run a command; an error of the project is told in words and with its own exit code."""
    try:
        commands(standalone_mode=False)
    except PerennialError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)


class Day(click.ParamType[str]):
    """A UTC day; a text that is none is refused before anything is done."""

    name = "day"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The day as YYYY-MM-DD."""
        try:
            return date.fromisoformat(value).isoformat() if value else ""
        except ValueError:
            self.fail(f"{value!r} is not a date (2013-03-01)", param, ctx)


KINDS: dict[str, Any] = {
    **dict.fromkeys(("start", "end", "at", "until", "online_at"), Day()),
    "layer": click.Choice(get_args(Layer)),
    "strategy": click.Choice(["", "stateless", "stateful", "recalibrate"]),
}
"""What an argument must be, where not any text will do."""


def _command(stage: Stage) -> click.Command:
    def run(as_json: bool, report: str | None, **arguments: str) -> None:
        if arguments.get("start", "") >= arguments.get("end", "~"):
            raise click.UsageError("--start must be before --end, which is not included")
        done = stage.run(**arguments)
        content = done.model_dump_json(indent=2)
        if report:
            replace_text(Path(report), content + "\n")
        from perennial.shown import show

        show(done, as_json or not sys.stdout.isatty())

    options = [_option(name, default) for name, default in stage.takes.items()]
    options.append(click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."))
    options.append(click.Option(["--report"], help="Also write the report to this file."))
    return click.Command(
        stage.name, params=options, callback=run, help=f"{stage.does[0].upper()}{stage.does[1:]}."
    )


def _option(name: str, default: str | None) -> click.Parameter:
    options: dict[str, Any] = {"required": True}
    if default is not None:  # None would count as a default, and nothing would be required
        options = {"default": default, "show_default": bool(default)}
    return click.Option(
        [f"--{name.replace('_', '-')}", name],
        type=KINDS.get(name, str),
        help=MEANING[name],
        **options,
    )


for _stage in STAGES.values():
    commands.add_command(_command(_stage))


@commands.command()
def validate() -> None:
    """Check all declarations; every mistake is listed at once."""
    from perennial.declare.validate import mistakes

    project = Project.find()
    found = mistakes(project)
    for mistake in found:
        click.echo(mistake, err=True)
    if found:
        click.echo(f"{len(found)} mistake{'s' if len(found) != 1 else ''}", err=True)
        sys.exit(2)
    click.echo(
        f"{len(project.sources)} sources, {len(project.marts)} marts, {len(project.gates)} gates, "
        f"{len(project.models)} models: all declarations are valid"
    )


@commands.command()
@click.option("--to", default="docs", show_default=True, help="The folder to write into.")
def schemas(to: str) -> None:
    """Write the reference of commands and fields, and JSON schemas for editors."""
    from perennial import manual
    from perennial.declare.schemas import export

    project = Project.find()
    folder = project.root / to
    for path in [*export(folder / "schemas"), manual.write(folder / "reference.md", commands)]:
        click.echo(project.shown(path))


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
    """Say what runs and what serves."""
    from perennial.deploy.supervision import status as ask
    from perennial.keep.ledger import serving

    project = Project.find()
    states = ask(project)
    _show_addresses(project, states)
    for model in project.models:
        now = serving(project, model)
        click.echo(
            f"{model}: " + (f"{now.version} on {now.slot} since {now.since}" if now else "-")
        )


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


@commands.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def airflow(arguments: tuple[str, ...]) -> None:
    """Run Airflow's own command line with this project's settings (after `--`)."""
    from perennial.deploy.airflow_processes import run

    run(Project.find(), list(arguments))


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


@commands.command(hidden=True)
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--slot", required=True, help="The slot's name.")
@click.option("--check", "only_check", is_flag=True, help="Only say whether it is as it should be.")
def slot(model: str, slot: str, only_check: bool) -> None:
    """Be the server of one slot, or where slots are machines of their own what keeps it running."""
    from perennial.deploy.following import Follower, is_as_assigned
    from perennial.deploy.slot_process import run_slot

    project = Project.find()
    if only_check:
        sys.exit(not is_as_assigned(project, model, slot))
    if project.settings.slot_host is None:
        run_slot(project, model, slot)
    _until_told_to_stop(lambda stop: Follower(project, model, slot).run(stop))


@commands.command(hidden=True)
def gateway() -> None:
    """Be the gateway (the supervisor starts this)."""
    from perennial.serve.process import serve

    project = Project.find()
    serve(
        project.root / "bentofiles" / "gateway",
        project.settings.host,
        project.settings.gateway_port,
        {"BENTOML_HOME": str(project.var / "bentoml")},
    )


@commands.command(hidden=True)
def freshen() -> None:
    """Be the freshener (the supervisor starts this)."""
    from perennial.deploy.following import end_at_a_release
    from perennial.features.freshener import Freshener

    project = Project.find()

    def work(stop: Any) -> None:
        if project.settings.slot_host is not None:  # no supervisor here starts it anew
            end_at_a_release(project, stop)
        Freshener(project).run(stop)

    _until_told_to_stop(work)


@commands.command(hidden=True)
def controller() -> None:
    """Be the release controller (the supervisor starts this)."""
    from perennial.release.controller import Controller

    _until_told_to_stop(lambda stop: Controller(Project.find()).run(stop))


@commands.command(hidden=True)
@click.option("--model", required=True, help=MEANING["model"])
def mirror(model: str) -> None:
    """Let the registry follow what answers (the release controller starts this)."""
    from perennial.release.mirroring import mirror as run

    run(Project.find(), model)


@commands.command(hidden=True)
def supervise() -> None:
    """Be the supervisor (`up` starts this)."""
    from perennial.deploy.supervisor import run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    run(Project.find())


def _until_told_to_stop(work: Callable[[Any], None]) -> None:
    import signal
    import threading

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(stop)


def _show_addresses(project: Project, states: dict[str, str]) -> None:
    """What runs, and where people and clients find it."""
    from perennial.deploy import airflow_processes, airflow_settings

    for name, state in states.items():
        click.echo(f"{name:<32} {state}")
    if not states:
        click.echo("nothing runs (`perennial up` starts it)")
        return
    click.echo(f"gateway: {_gateway_url(project)}")
    if all(states.get(name) == "active" for name in airflow_processes.COMPONENTS):
        user, password = airflow_settings.login(project)
        click.echo(f"Airflow: {airflow_settings.address(project)} (login {user} / {password})")


def _gateway_url(project: Project) -> str:
    return f"http://{project.settings.host}:{project.settings.gateway_port}"


if __name__ == "__main__":
    main()
