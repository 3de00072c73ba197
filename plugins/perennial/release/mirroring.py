"""What follows when another version answers: the registry's alias, and the freshener's views.

Both only mirror the ledger's route. They may fail, be tried again and be done twice.
"""

from __future__ import annotations

from perennial.declare.project import Project
from perennial.deploy import supervision
from perennial.keep import locks, releases
from perennial.keep.ledger import Ledger
from perennial.train.registry import set_champion


def mirror(project: Project, model: str) -> None:
    """Point the registry's alias `champion` at what answers, have the freshener follow it.

    One process at a time, so that an alias is never overtaken by an older one; twice is once.
    """
    ledger = Ledger.of(project)
    with locks.exclusive(project.var / "locks", f"mirror-{model}"):
        behind = [each for each in releases.not_mirrored(ledger) if each.model == model]
        current = ledger.current(model)
        if not behind or current is None or current[0].version is None:
            return
        set_champion(project, model, current[0].version)
        supervision.start_freshening_again(project)
        for release in behind:  # those that changed meanwhile are left for the next time
            releases.set_mirrored(ledger, release)
