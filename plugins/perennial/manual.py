"""The manual: every command and every declared field on one page, out of the code itself."""

from __future__ import annotations

from pathlib import Path

import click

from perennial.declare.reference import chapters, table
from perennial.keep.files import replace_text

OPENING = """\
# Reference

Written by `perennial schemas` out of the code; a test holds it up to date. Editors complete and
check the YAML by the JSON schemas in `docs/schemas`.
"""


def write(path: Path, commands: click.Group) -> Path:
    """Write the page; the same as long as commands and types are."""
    replace_text(path, "\n".join([OPENING, _commands(commands), chapters()]))
    return path


def _commands(group: click.Group) -> str:
    return "\n".join(["## Commands\n", *_all("perennial", group)])


def _all(path: str, group: click.Group) -> list[str]:
    told = []
    for command in group.commands.values():
        if not command.hidden:
            told.append(_command(f"{path} {command.name}", command))
            if isinstance(command, click.Group):
                told += _all(f"{path} {command.name}", command)
    return told


def _command(path: str, command: click.Command) -> str:
    options = [each for each in command.params if isinstance(each, click.Option)]
    rows = [(f"`{each.opts[0]}`", _default(each), each.help or "") for each in options]
    lines = [f"### `{path}`\n", f"{command.help}\n"]
    if rows:
        lines.append(table(("option", "default", "meaning"), rows) + "\n")
    return "\n".join(lines)


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    return f"`{option.default}`" if isinstance(option.default, str) and option.default else ""
