"""The stage `deploy`: a packaged version on a slot of its own, proven over HTTP."""

from __future__ import annotations

import contextlib
from typing import Any

from perennial.declare.project import Project
from perennial.deploy import supervision, waiting
from perennial.deploy.slot_process import temporary
from perennial.deploy.superseding import make_way
from perennial.deploy.trusting import must_be_as_signed
from perennial.errors import IntegrityError, PerennialError, UnavailableError
from perennial.keep import locks
from perennial.keep.ledger import Ledger, Slot, bento_folder
from perennial.keep.progress import progress
from perennial.keep.replays import must_not_be_a_replay
from perennial.keep.report import Report
from perennial.serve.proof import prove, read_reference

READY_SECONDS = 90


class Deployed(Report):
    """What the stage `deploy` did."""

    model: str
    version: str
    slot: str
    port: int
    n_reference_rows: int
    is_proven: bool


def deploy(model: str, at: str, *, project: Project | None = None) -> Deployed:
    """Put the newest packaged version of `model` on a slot that does not serve, and prove it.

    The slot's server must answer every reference row as the model did offline, to 1e-9; only then
    the slot may be used. Under a running supervisor, and where slots follow the ledger by
    themselves, the server stays up; without either it is started for the proof, and again by
    `perennial up`. Twice is the same as once: a version that is on a proven slot stays there. `at`
    is the night on whose behalf this happens.
    Raises `IntegrityError` when an answer differs, and before anything is changed for a version
    whose bytes are not those that were signed (see `trusting`) or that was replaced or rolled back
    (see `keep.replays`), `UnavailableError` when the server does not start; the slot is then marked
    failed and what served before goes on serving. A slot that serves this very version stays proven
    when its server only does not start. A candidate whose release is under way is dropped, so that
    this one may take its slot; while a release is paused or still armed both its slots are held,
    and another version is refused by `UnavailableError`.
    """
    from perennial.package import packaged_version

    project = project or Project.find()
    declared = project.model(model)
    version = packaged_version(project, declared.name)
    with (
        locks.exclusive(project.var / "locks", f"deploy-{model}"),
        progress(f"deploy {model} {version}: starting its server and proving its answers"),
    ):
        ledger = Ledger.of(project)
        must_be_as_signed(project, ledger, model, version, "deploy")
        slot = _place(ledger, project, model, version, at)
        serves = ledger.current(model)
        is_serving = serves is not None and serves[0] == slot
        if slot.state != "proven" or slot.version != version:
            ledger.set_slot(model, slot.slot, version, "assigned", f"for the night of {at}")
        slot = next(each for each in ledger.slots(model) if each.slot == slot.slot)
        try:
            n_rows = _prove(project, slot, version)
        except PerennialError as error:
            if is_serving and isinstance(error, UnavailableError):
                raise  # it was proven once: that its server does not start proves nothing
            ledger.set_slot(model, slot.slot, version, "failed", str(error)[:1000])
            raise
        ledger.set_slot(model, slot.slot, version, "proven")
    return Deployed(
        model=model,
        version=version,
        slot=slot.slot,
        port=slot.port,
        n_reference_rows=n_rows,
        is_proven=True,
    )


def _place(ledger: Ledger, project: Project, model: str, version: str, at: str) -> Slot:
    """The slot that has this version already, else one that neither serves nor is held."""
    reserved = ledger.reserve(model, project.settings.slot_port)
    for slot in reserved:
        if slot.version == version:
            return slot
    must_not_be_a_replay(ledger, model, version)
    release = make_way(ledger, model, version, at)
    current = ledger.current(model)
    taken = {current[0].slot} if current else set()
    if release is not None:
        taken |= {release.slot, release.stable_slot or release.slot}
    free = [slot for slot in reserved if slot.slot not in taken]
    if not free:
        assert release is not None  # one slot serves; the other can only be held
        held = f"{release.state}{' and paused' if release.paused_at else ''}"
        raise UnavailableError(
            f"{model} {version} has no slot: release {release.id} of {release.version} is "
            f"{held} and holds {' and '.join(sorted(taken))}; wait until it is over, or "
            "run `perennial release abort`"
        )
    return free[0]


def _prove(project: Project, slot: Slot, version: str) -> int:
    reference = read_reference(
        bento_folder(project, slot.model, version) / "src" / "reference.json"
    )
    what = f"slot {slot.slot} of {slot.model}"
    host = project.settings.host_of(slot.model, slot.slot)
    with contextlib.ExitStack() as stack:
        if project.settings.slot_host is not None:  # it follows the ledger by itself
            waiting.until_runs(host, slot.port, what, version, READY_SECONDS)
        elif supervision.is_running(project):
            log = supervision.start_slot(project, slot, version)
            waiting.until_ready(slot.port, what, READY_SECONDS, log)
        else:
            _must_be_free(slot, what)
            log, lives = stack.enter_context(temporary(project, slot))
            waiting.until_ready(slot.port, what, READY_SECONDS, log, lives=lives)
        _must_run(host, slot, what, version)
        answer = waiting.post(slot.port, "/predict", {"columns": reference.columns}, host=host)
        prove(reference, _scores(answer, what))
    return len(reference.scores)


def _scores(answer: object, what: str) -> list[Any]:
    scores = answer.get("scores") if isinstance(answer, dict) else None
    if not isinstance(scores, list) or not all(isinstance(s, float | int | None) for s in scores):
        raise IntegrityError(f"{what} answered without scores: {str(answer)[:200]}")
    return scores


def _must_be_free(slot: Slot, what: str) -> None:
    if waiting.is_ready(slot.port):
        raise UnavailableError(
            f"port {slot.port} of {what} is answered by a server that this project did not start; "
            "stop it, or set PERENNIAL_SLOT_PORT before the first deployment"
        )


def _must_run(host: str, slot: Slot, what: str, version: str) -> None:
    found = waiting.running_version(slot.port, host)
    if found != version:
        raise UnavailableError(f"{what} runs {found} on port {slot.port}, not {version}")
