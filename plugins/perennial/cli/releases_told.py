"""`perennial release show` and `list`: what the ledger knows of releases, to be read."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from perennial.cli.releasing import release
from perennial.stages import MEANING

if TYPE_CHECKING:
    from perennial.keep.releases import Release


@release.command("show")
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--id", "release_id", type=int, help="Its number; the newest when left out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_release(model: str, release_id: int | None, as_json: bool) -> None:
    """Show one release: its state, its measurements, its record.

    The record says who did what and why. Its page with the plots is written anew; where it is
    stands in the last line.
    """
    from perennial.declare.project import Project
    from perennial.keep.ledger import Ledger
    from perennial.keep.release_steering import story
    from perennial.release import recording

    project = Project.find()
    ledger = Ledger.of(project)
    told = story(ledger, project.model(model).name, release_id)
    if told["release"]:
        page = recording.write(project, ledger, told["release"]["id"])
        told["page"] = project.shown(page)
    if as_json or not sys.stdout.isatty():
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo("\n".join(lines(told)))


@release.command("list")
@click.option("--model", required=True, help=MEANING["model"])
@click.option(
    "--most", type=click.IntRange(min=1), default=20, show_default=True,
    help="So many of them, the newest first.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_releases(model: str, most: int, as_json: bool) -> None:
    """List a model's releases, the newest first. Each with what became of it and why."""
    from perennial.declare.project import Project
    from perennial.keep import releases
    from perennial.keep.ledger import Ledger

    project = Project.find()
    name = project.model(model).name
    found = releases.of_model(Ledger.of(project), name, limit=most)
    if as_json or not sys.stdout.isatty():
        kept = [{**asdict(each), "measured": json.loads(each.measured)} for each in found]
        click.echo(json.dumps(kept, indent=2))
    else:
        click.echo("\n".join(listed(name, found)))


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


def listed(model: str, found: list[Release]) -> list[str]:
    """Releases, each in a line that is to be read."""
    if not found:
        return [f"{model}: no release yet"]
    n_id, n_version = (
        max(len(str(each)) for each in column)
        for column in ([each.id for each in found], [each.version for each in found])
    )
    return [
        f"{each.id:>{n_id}}  {each.version:<{n_version}}  {each.kind:<10}  "
        f"{each.state + (' (paused)' if each.paused_at else ''):<12}  "
        f"{each.started_at[:16].replace('T', ' ')}  {each.why}"
        for each in found
    ]
