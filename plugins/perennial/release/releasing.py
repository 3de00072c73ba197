"""The stage `release`: a proven version becomes what answers, all at once."""

from __future__ import annotations

from perennial.declare.project import Project
from perennial.deploy import supervision
from perennial.errors import UnavailableError
from perennial.keep import locks
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.report import Report
from perennial.train.registry import set_champion


class Released(Report):
    """What the stage `release` did."""

    model: str
    version: str
    slot: str
    replaced: str | None
    why: str


def release(model: str, at: str, *, project: Project | None = None) -> Released:
    """Let the newest proven version of `model` answer from now on.

    The old version's slot stays as it is, so that going back is one more route. Twice is the same
    as once. Raises `UnavailableError` when no slot is proven.
    """
    from perennial.package import packaged_version

    project = project or Project.find()
    declared = project.model(model)
    with locks.exclusive(project.var / "locks", f"deploy-{model}"):
        ledger = Ledger.of(project)
        version = packaged_version(project, declared.name)
        slot = _proven(ledger.slots(model), model, version)
        current = ledger.current(model)
        replaced = current[0].version if current else None
        why = f"blessed and proven, for the night of {at}"
        if current is None or current[0].slot != slot.slot or replaced != version:
            ledger.route(model, slot.slot, version, why, "release")
            supervision.start_freshening_again(project)
        set_champion(project, model, version)
    return Released(
        model=model,
        version=version,
        slot=slot.slot,
        replaced=replaced if replaced != version else None,
        why=why,
    )


def _proven(slots: list[Slot], model: str, version: str) -> Slot:
    for slot in slots:
        if slot.version == version and slot.state == "proven":
            return slot
    states = ", ".join(f"{each.slot}: {each.version or 'empty'} {each.state}" for each in slots)
    raise UnavailableError(
        f"{model} {version} is on no proven slot ({states or 'none reserved'}); "
        "run `perennial deploy` first"
    )
