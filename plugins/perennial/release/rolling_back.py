"""Going back by hand or by decision: an abort always wins, and twice is once."""

from __future__ import annotations

from perennial.declare.project import Project
from perennial.errors import BusyError, UnavailableError
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.release_steering import TRIES, Word, go_back
from perennial.keep.releases import Release, ReleaseState
from perennial.keep.report import Report
from perennial.release.mirroring import mirror


class RolledBack(Report):
    """What `roll_back` did, or found done."""

    model: str
    version: str
    """The version that answers no more, or will not."""
    returned_to: str
    release_id: int
    state: ReleaseState
    why: str


def roll_back(model: str, at: str, why: str, *, project: Project | None = None) -> RolledBack:
    """Abort the release of `model` under way, or return to the version before the last one.

    The traffic is back with the first transaction; the registry follows. It needs no controller,
    and wins over one that wants to promote at the same moment. Twice is the same as once. Raises
    `UnavailableError` when there is nothing to return to, or when the version before is not on a
    proven slot any more.
    """
    project = project or Project.find()
    ledger = Ledger.of(project)
    name = project.model(model).name
    for _ in range(TRIES):
        newest = _newest(ledger, name)
        try:
            word = Word("roll-back", f"{why} (for the night of {at})")
            found = go_back(ledger, newest, word)
            break
        except BusyError:  # changed at this very moment: look again
            continue
    else:
        raise BusyError(f"release {newest.id} of {model} changes too often to be rolled back")
    if not found.is_mirrored:
        mirror(project, name)
    assert found.stable_version is not None
    return RolledBack(
        model=model,
        version=found.version,
        returned_to=found.stable_version,
        release_id=found.id,
        state=found.state,
        why=found.why,
    )


def _newest(ledger: Ledger, model: str) -> Release:
    newest = next(iter(releases.of_model(ledger, model, limit=1)), None)
    if newest is None or newest.stable_version is None:
        raise UnavailableError(f"no version of {model} answered before this one")
    return newest
