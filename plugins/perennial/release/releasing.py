"""The stage `release`: begins to let a proven version answer, or lets it answer at once."""

from __future__ import annotations

from perennial.declare.project import Project
from perennial.errors import BusyError, UnavailableError
from perennial.keep import locks, releases
from perennial.keep.journal import last_seq
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.releases import Release, ReleaseState
from perennial.keep.report import Report
from perennial.release.mirroring import mirror


class Released(Report):
    """What the stage `release` began, or found begun."""

    model: str
    version: str
    slot: str
    release_id: int
    state: ReleaseState
    replaced: str | None
    why: str


def release(model: str, at: str, *, project: Project | None = None) -> Released:
    """Begin to let the newest proven version of `model` answer; the controller goes on from there.

    It answers everything at once when nothing serves yet, or when `kind: at_once` is declared.
    Reads the ledger, where deploy left what is proven; writes a release there. Twice is the same
    as once: a release of this version and night that is under way, promoted or rolled back is
    found again. Raises `UnavailableError` when no slot is proven, `BusyError` while another
    version's release is not over.
    """
    from perennial.package import packaged_version

    project = project or Project.find()
    declared = project.model(model)
    with locks.exclusive(project.var / "locks", f"deploy-{model}"):
        ledger = Ledger.of(project)
        version = packaged_version(project, declared.name)
        found = _begun(ledger, model, version, at)
        if found is None:
            slot = _proven(ledger.slots(model), model, version)
            found = _begin(project, ledger, slot, version, at)
        if not found.is_mirrored:
            mirror(project, model)
    return Released(
        model=model,
        version=version,
        slot=found.slot,
        release_id=found.id,
        state=found.state,
        replaced=found.stable_version,
        why=found.why,
    )


def _begun(ledger: Ledger, model: str, version: str, at: str) -> Release | None:
    """The release that this very call stands for, when there is one already."""
    newest = next(iter(releases.of_model(ledger, model, limit=1)), None)
    if newest is None:
        return None
    if newest.version != version:
        if newest.is_open:
            raise BusyError(
                f"{model} {version} cannot be released while release {newest.id} of "
                f"{newest.version} is not over ({newest.state}); wait, or run `perennial roll-back`"
            )
        return None
    current = ledger.current(model)
    answers = current is not None and current[0].version == version
    is_same = newest.is_open or answers or (newest.state == "rolled_back" and newest.night == at)
    return newest if is_same else None


def _begin(project: Project, ledger: Ledger, slot: Slot, version: str, at: str) -> Release:
    current = ledger.current(slot.model)
    stable = current[0] if current else None
    declared = project.model(slot.model).release
    is_at_once = declared.kind == "at_once" or stable is None
    journal = project.var / "journal"
    planned = releases.plan(
        slot.model,
        version,
        slot.slot,
        night=at,
        why=f"blessed and proven, for the night of {at}",
        stable=stable,
        kind="at_once" if is_at_once else "canary",
        after_seq=last_seq(journal / "predictions"),
        labels_after_seq=last_seq(journal / "feedback"),
    )
    return releases.start(ledger, planned, "release")


def _proven(slots: list[Slot], model: str, version: str) -> Slot:
    for slot in slots:
        if slot.version == version and slot.state == "proven":
            return slot
    states = ", ".join(f"{each.slot}: {each.version or 'empty'} {each.state}" for each in slots)
    raise UnavailableError(
        f"{model} {version} is on no proven slot ({states or 'none reserved'}); "
        "run `perennial deploy` first"
    )
