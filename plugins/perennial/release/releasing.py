"""The stage `release`: begins to let a proven version answer, or lets it answer at once."""

from __future__ import annotations

from typing import Any

from perennial.declare.project import Project
from perennial.declare.release import Release as Declared
from perennial.deploy import supervision
from perennial.errors import BusyError, UnavailableError
from perennial.keep import locks, release_changes, releases
from perennial.keep.journal import last_seq
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.releases import Release, ReleaseState
from perennial.keep.replays import must_not_be_a_replay
from perennial.keep.report import Report
from perennial.release.kinds import KINDS
from perennial.release.mirroring import mirror
from perennial.release.parity_sample import has_answered


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

    It answers everything at once when nothing serves yet, and of `kind: blue_green` with
    `parity: null`, or where no gateway runs and the version from before has answered nobody.
    Reads the ledger, where deploy left what is proven; writes a release there. Twice is the same
    as once: a release of this version and night that is under way, promoted or rolled back is
    found again. Raises `UnavailableError` when no slot is proven, `BusyError` while another
    version's release is not over, `IntegrityError` for a version that was replaced or rolled back
    (see `keep.replays`), also while it still sits on its slot.
    """
    from perennial.package import packaged_version

    project = project or Project.find()
    declared = project.model(model)
    with locks.exclusive(project.var / "locks", f"deploy-{model}"):
        ledger = Ledger.of(project)
        version = packaged_version(project, declared.name)
        found = _begun(ledger, model, version, at)
        if found is None:
            must_not_be_a_replay(ledger, model, version)
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
    known = releases.of_model(ledger, model)
    if _answers(ledger, model, version):
        through = ("promoted", "done")
        return next((it for it in known if it.version == version and it.state in through), None)
    if known and known[0].is_open and known[0].version != version:
        raise BusyError(
            f"{model} {version} cannot be released while release {known[0].id} of "
            f"{known[0].version} is not over ({known[0].state}); `perennial deploy` takes its "
            "place, unless it is promoted or paused: then wait, or `perennial release abort`"
        )
    if known and known[0].version == version:
        is_same = known[0].is_open or (known[0].state == "rolled_back" and known[0].night == at)
        return known[0] if is_same else None
    return None


def _answers(ledger: Ledger, model: str, version: str) -> bool:
    current = ledger.current(model)
    return current is not None and current[0].version == version


def _begin(project: Project, ledger: Ledger, slot: Slot, version: str, at: str) -> Release:
    current = ledger.current(slot.model)
    stable = current[0] if current and current[0].version != version else None
    declared = project.model(slot.model).release
    journal = project.var / "journal"
    why = f"blessed and proven, for the night of {at}"
    at_once: dict[str, Any] = {}
    if stable and not KINDS[declared.kind](declared):
        if declared.parity is None:
            at_once = _at_once(declared)
        elif unanswered := _nobody_was_answered(project, stable):
            at_once, why = {"state": "done"}, f"{why}; {unanswered}"
    planned = release_changes.plan(
        slot.model,
        version,
        slot.slot,
        night=at,
        why=why,
        stable=stable,
        kind=declared.kind if stable else "first",
        **at_once,
        after_seq=last_seq(journal / "predictions"),
        labels_after_seq=last_seq(journal / "feedback"),
    )
    supervision.start_freshening_again(project)  # it may need other views, also to be tried
    return release_changes.start(ledger, planned, "release")


def _nobody_was_answered(project: Project, stable: Slot) -> str | None:
    """Why a switch waits for no parity, in words; None when there are, or will be, answers.

    No answers would ever come, as with a model's very first version: nobody is there to be armed
    for either, and what was armed would hold up the next version while no controller runs.
    """
    if supervision.is_running(project):
        return None
    if has_answered(project.var / "journal", stable.model, str(stable.version)):
        return None
    return (
        f"no gateway runs and {stable.version} has answered nobody, so parity has nothing to "
        "recompute and nothing is armed"
    )


def _at_once(declared: Declared) -> dict[str, Any]:
    """What a kind without phases begins with: it answers, and is armed where that is declared."""
    if not declared.armed_hours:
        return {"state": "done"}
    return {"state": "promoted", "shadow": declared.armed_share}


def _proven(slots: list[Slot], model: str, version: str) -> Slot:
    for slot in slots:
        if slot.version == version and slot.state == "proven":
            return slot
    states = ", ".join(f"{each.slot}: {each.version or 'empty'} {each.state}" for each in slots)
    raise UnavailableError(
        f"{model} {version} is on no proven slot ({states or 'none reserved'}); "
        "run `perennial deploy` first"
    )
