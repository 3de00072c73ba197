"""`perennial release`: the stage, and below it what a person does with a release under way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from perennial.cli.group import commands
from perennial.keep.release_steering import ACTIONS
from perennial.stages import MEANING

DOES = {
    "pause": "Hold a release where it is; its guardrails go on.",
    "resume": "Let a paused release go on.",
    "promote": "Let the new version answer everything now; never against a failed guardrail.",
    "abort": "Return all traffic to the version that answered before.",
}


class StageAndMore(click.Group):
    """The stage's own command; the first word may name a command below it instead."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is required of the stage is not asked of the commands below it."""
        if not args or args[0] not in self.commands:
            return super().parse_args(ctx, args)
        own, self.params = self.params, []
        try:
            return super().parse_args(ctx, args)
        finally:
            self.params = own


def _with_more(stage: click.Command) -> StageAndMore:
    """The stage `release` as a group that runs it when no command below it is named."""

    def run(**arguments: Any) -> None:
        if click.get_current_context().invoked_subcommand is None:
            assert stage.callback is not None
            stage.callback(**arguments)

    return StageAndMore(
        stage.name, params=stage.params, callback=run, help=stage.help, invoke_without_command=True
    )


release = _with_more(commands.commands["release"])
commands.add_command(release)


def _action(name: str) -> Callable[..., None]:
    def act(model: str, why: str, as_json: bool, is_forced: bool = False) -> None:
        from perennial.release import steer
        from perennial.shown import show

        done = steer(model, name, why, is_forced=is_forced)  # type: ignore[arg-type]  # in ACTIONS
        show(done, as_json or not sys.stdout.isatty())

    return act


for _name in ACTIONS:
    _options: list[click.Parameter] = [
        click.Option(["--model"], required=True, help=MEANING["model"]),
        click.Option(["--why"], required=True, help="The reason, for the record."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."),
    ]
    if _name == "promote":
        _forced = "Also against a guardrail that failed; --why says why."
        _options.append(click.Option(["--force", "is_forced"], is_flag=True, help=_forced))
    release.add_command(
        click.Command(_name, params=_options, callback=_action(_name), help=DOES[_name])
    )


@release.command("show")
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_release(model: str, as_json: bool) -> None:
    """Tell the newest release: where it is, what is measured, who did what and why.

    Its page with the plots is written anew; where it is stands in the last line.
    """
    from perennial.declare.project import Project
    from perennial.keep.ledger import Ledger
    from perennial.keep.release_steering import story
    from perennial.release import recording

    project = Project.find()
    ledger = Ledger.of(project)
    told = story(ledger, project.model(model).name)
    if told["release"]:
        page = recording.write(project, ledger, told["release"]["id"])
        told["page"] = project.shown(page)
    if as_json or not sys.stdout.isatty():
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo("\n".join(lines(told)))


def lines(told: dict[str, Any]) -> list[str]:
    """A release's story, to be read."""
    now = told["release"]
    if now is None:
        return [f"{told['model']}: no release yet"]
    held = f", paused since {now['paused_at']}" if now["paused_at"] else ""
    held += f", blind since {now['blind_since']}" if now["blind_since"] else ""
    return [
        f"release {now['id']} of {now['version']} ({now['kind']}): {now['state']}, "
        f"weight {now['weight']:g}, shadow {now['shadow']:g}{held}",
        f"  returns to {now['stable_version'] or 'nothing'}; {now['why']}",
        *(f"  {each['says']}" for each in now["measured"]),
        *(
            f"{each['at']}  {each['action']:<12} {each['state']:<12} {each['actor']}: {each['why']}"
            for each in told["record"]
        ),
        *([f"page: {told['page']}"] if "page" in told else []),
    ]
