"""`perennial release`: the stage, and below it what a person does with a release under way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from perennial.cli.group import commands
from perennial.keep.release_steering import ACTIONS
from perennial.stages import MEANING

DOES = {
    "pause": "Hold a release where it is. Its guardrails go on; after promotion it stays armed.",
    "resume": "Let a paused release go on.",
    "promote": "Let the new version answer everything now. Not against a failed guardrail, unless "
    "forced.",
    "abort": "Return all traffic to the version that answered before.",
}

BESIDES = """

Without a command below it is the stage: it begins a release of the version that was packaged last
and is proven. The commands tell of a model's releases, or steer the one under way.
"""


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
        stage.name, params=stage.params, callback=run, help=f"{stage.help}{BESIDES}",
        invoke_without_command=True,
    )  # fmt: skip


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
