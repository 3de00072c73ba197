"""Checks what is declared, and writes what describes it."""

from __future__ import annotations

import sys

import click

from perennial.cli.group import commands
from perennial.declare.project import Project


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
