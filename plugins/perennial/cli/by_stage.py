"""One command per stage, with the stage's own arguments as options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, get_args

import click

from perennial.cli.group import Day, commands
from perennial.declare.gates import Layer
from perennial.declare.reading import nearest
from perennial.declare.strategies import MEANING as STRATEGIES
from perennial.keep.files import replace_text
from perennial.stages import MEANING, STAGES, Stage


class Named(click.Choice[str]):
    """One of these names; left empty, the declared one."""

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name; a misspelt one is refused with the nearest."""
        if value not in ("", *self.choices):
            accepted = ", ".join(self.choices)
            self.fail(f"{value!r}{nearest(value, self.choices)} (accepted: {accepted})", param, ctx)
        return str(value)


KINDS: dict[str, Any] = {
    **dict.fromkeys(("start", "end", "at", "until", "online_at"), Day()),
    "layer": click.Choice(get_args(Layer)),
    "strategy": Named(tuple(STRATEGIES)),
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
