"""A person's word about a release, from the command line or Airflow."""

from __future__ import annotations

import getpass
import logging

from perennial.declare.project import Project
from perennial.errors import PerennialError, UnavailableError
from perennial.keep import release_changes, release_steering, releases
from perennial.keep.ledger import Ledger
from perennial.keep.release_steering import Action, Word
from perennial.keep.releases import UNDER_WAY, ReleaseState
from perennial.keep.report import Report
from perennial.release.controller import Controller
from perennial.release.mirroring import mirror

logger = logging.getLogger(__name__)


class Steered(Report):
    """What became of a release after a person's word."""

    model: str
    version: str
    release_id: int
    state: ReleaseState
    is_paused: bool
    weight: float
    serves: str | None
    why: str
    by: str


def steer(
    model: str,
    action: Action,
    why: str,
    *,
    by: str | None = None,
    is_forced: bool = False,
    project: Project | None = None,
) -> Steered:
    """Pause, resume, promote or abort the newest release of `model`; `by` says who.

    A promotion looks at the guardrails first, at this very moment. The traffic moves with the
    transaction; the registry follows, now or later. Twice is the same as once. Raises
    `UnavailableError` when it cannot be done in the release's state, or when a guardrail failed
    and it is not forced.
    """
    project = project or Project.find()
    name = project.model(model).name
    ledger = Ledger.of(project)
    if action == "promote" and not is_forced:
        _look(project, ledger, name)
    word = Word(by or command_line_user(), why, is_forced)
    found = release_steering.steer(project, ledger, name, action, word)
    if not found.is_mirrored:
        _let_follow(project, name)
    current = ledger.current(name)
    return Steered(
        model=name,
        version=found.version,
        release_id=found.id,
        state=found.state,
        is_paused=found.paused_at is not None,
        weight=found.weight,
        serves=current[0].version if current else None,
        why=found.why,
        by=word.by,
    )


def _let_follow(project: Project, model: str) -> None:
    """The traffic has moved: a registry that is away is no failure, and is tried again."""
    try:
        mirror(project, model)
    except (PerennialError, OSError) as error:
        logger.warning("the registry does not follow yet, the controller goes on: %s", error)


def command_line_user() -> str:
    """Who gives a command, for the record."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = "unknown"
    return f"{name} (command line)"


def _look(project: Project, ledger: Ledger, model: str) -> None:
    """Measure now what the controller measured a while ago, if one runs at all."""
    found = releases.under_way(ledger, model)
    if found is None or found.state not in UNDER_WAY:
        return
    measured, blind = Controller(project).measured(found)
    if blind is not None:
        raise UnavailableError(
            f"release {found.id} of {found.version} is not promoted: its evidence cannot be read "
            f"({blind}); forced, it is promoted all the same"
        )
    release_changes.show_measured(ledger, found, [each.shown() for each in measured])
