"""The group that every command belongs to, and how its errors are told."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import click

from perennial.errors import PerennialError


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
