"""API keys of the gateway: made, listed, given a new secret, ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from perennial.cli.group import commands
from perennial.declare.project import Project
from perennial.keep.scopes import SCOPES, Scope

if TYPE_CHECKING:
    from perennial.keep.ledger import Ledger

ONCE = "This is shown once; send it as `Authorization: Bearer <token>`."


@commands.group()
def keys() -> None:
    """Manage the gateway's API keys: create, list, rotate, revoke, refused."""


@keys.command()
@click.option("--name", required=True, help="Who or what the key is for.")
@click.option(
    "--scope", "scopes", required=True, multiple=True, type=click.Choice(SCOPES),
    help="What it may do; several times for several.",
)  # fmt: skip
@click.option(
    "--days", type=click.IntRange(min=1), default=365, show_default=True,
    help="How long it is good.",
)  # fmt: skip
def create(name: str, scopes: tuple[Scope, ...], days: int) -> None:
    """Make a key; its token goes to standard output, once."""
    from perennial.keep import api_keys

    key, token = api_keys.create(_ledger(), name, scopes, _actor(), timedelta(days=days))
    click.echo(f"key {key.id} ({name}) may {', '.join(sorted(key.scopes))} until {key.expires_at}")
    _show(token)


@keys.command("list")
def show_all() -> None:
    """List all keys, without their secrets."""
    from perennial.keep import api_keys

    for key in api_keys.all_keys(_ledger()):
        ends = f"revoked {key.revoked_at}" if key.revoked_at else f"until {key.expires_at}"
        may = ",".join(sorted(key.scopes))
        click.echo(f"{key.id}  {key.name:<20} {may:<24} {ends}  used {key.last_used or 'never'}")
    click.echo(f"A use is written down {api_keys.USE_SECONDS} s after it.", err=True)


@keys.command()
@click.option(
    "--hours", type=click.FloatRange(min=0, min_open=True), default=24.0, show_default=True,
    help="How far to look back.",
)  # fmt: skip
def refused(hours: float) -> None:
    """Show how many requests the gateway refused, by status, reason, path and key.

    `-` stands for a path that is not there, for several, and for no key or one that is not told.
    Who was turned away at the door is told a minute later.
    """
    from perennial.keep.refused import refused_since

    journal = Project.find().var / "journal" / "predictions"
    found = refused_since(journal, datetime.now(UTC) - timedelta(hours=hours))
    if not found:
        click.echo(f"nobody was refused in the last {hours:g} hours")
    for each, n in found.most_common():
        path = (each.path or "-").encode("unicode_escape").decode()  # a caller's words
        click.echo(f"{n:>8}  {each.status} {each.code:<16} {path:<24} key {each.key or '-'}")


@keys.command()
@click.argument("key_id")
@click.option(
    "--overlap-hours", type=click.FloatRange(min=0), default=24.0, show_default=True,
    help="How long the secret before is good too; 0 when it leaked.",
)  # fmt: skip
def rotate(key_id: str, overlap_hours: float) -> None:
    """Give a key a new secret; the one before ends after the overlap."""
    from perennial.keep import api_keys

    _show(api_keys.rotate(_ledger(), key_id, _actor(), timedelta(hours=overlap_hours)))


@keys.command()
@click.argument("key_id")
@click.option("--why", required=True, help="The reason, for the record.")
def revoke(key_id: str, why: str) -> None:
    """End a key for ever; the gateway knows within a second."""
    from perennial.keep import api_keys

    key = api_keys.revoke(_ledger(), key_id, _actor(), why)
    click.echo(f"key {key.id} ({key.name}) is revoked since {key.revoked_at}")


def _ledger() -> Ledger:
    from perennial.keep.ledger import Ledger

    return Ledger.of(Project.find())


def _actor() -> str:
    import getpass

    try:
        return f"{getpass.getuser()} by the command line"
    except (KeyError, OSError):  # a container's user without a name
        return "the command line"


def _show(token: str) -> None:
    click.echo(ONCE, err=True)
    click.echo(token)


@commands.command()
@click.option("--model", required=True, help="Name of the model.")
@click.option("--version", required=True, help="The version that was replaced or rolled back.")
@click.option("--why", required=True, help="The reason, for the record.")
def allow_again(model: str, version: str, why: str) -> None:
    """Let a version be deployed and released again that was replaced or rolled back."""
    from perennial.keep import replays

    replays.allow_again(_ledger(), Project.find().model(model).name, version, _actor(), why)
    click.echo(f"{model} {version} may be deployed and released again")
