"""The command line: one command per stage, and what starts, stops and checks a project.

Every stage's command has the stage's own arguments as options. A report is a table on a terminal,
and JSON with `--json` or when it is piped.
"""

from __future__ import annotations

# Importing a part adds its commands, in this order.
# isort: off
from perennial.cli import by_stage, releasing, releases_told  # noqa: F401
from perennial.cli import declaring, running, living, replaying  # noqa: F401
from perennial.cli import tuning  # noqa: F401
from perennial.cli import acting, comparing, reproducing, keys, processes  # noqa: F401

# isort: on
from perennial.cli.group import commands, main

__all__ = ["commands", "main"]
