"""Makes a registered version again, and compares the two."""

from __future__ import annotations

import signal
import sys

import click

from perennial.cli.group import commands

EXIT_CODES = {"same": 0, "close": 1, "different": 6}
"""6 is IntegrityError's: bytes differ from their recorded digest, and the numbers do, too."""


@commands.command()
@click.argument("model")
@click.argument("version")
@click.option("--tolerance", default=0.001, show_default=True, type=click.FloatRange(0),
              help="How far a metric may lie from the recorded one, times that where it is "
              "above 1, to count as close.")  # fmt: skip
@click.option("--with-present-rows", is_flag=True,
              help="Take the lake's rows where the recorded bytes are lost.")  # fmt: skip
@click.option("--keep", is_flag=True,
              help="Leave the project that it was made in below var/reproduce.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reproduce(
    model: str, version: str, tolerance: float, with_present_rows: bool, keep: bool, as_json: bool
) -> None:
    """Make a registered version again from its lineage; compare digest and metrics.

    VERSION is the number in the registry, an alias (champion, candidate), the twelve digits or the
    whole digest. Exit code: 0 the same bytes, 1 close, 6 different.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it cleans up
    from perennial.shown import show
    from perennial.train.reproducing import reproduce as run

    report = run(
        model, version, tolerance=tolerance, with_present_rows=with_present_rows, keep=keep
    )
    show(report, as_json or not sys.stdout.isatty())
    if report.outcome != "same":
        click.echo(report.says, err=True)
    sys.exit(EXIT_CODES[report.outcome])
