"""The stage `package`: the blessed candidate as a signed Bento."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from pydantic import Field, ValidationError

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import (
    GateStoppedError,
    IntegrityError,
    UnavailableError,
)
from perennial.judge import Judged, report_file
from perennial.judge.judged import JUDGED
from perennial.keep import files, full_disk, locks
from perennial.keep.ledger import bento_folder
from perennial.keep.progress import progress
from perennial.keep.report import Report
from perennial.learn.loading import parse_model
from perennial.learn.version_files import VersionFiles
from perennial.optimize.optimized import OPTIMIZED, Optimized
from perennial.package.bento import assemble, build
from perennial.package.model_card import model_card
from perennial.package.reference import reference_rows
from perennial.package.signature import sign_bento, signature_file, verify_bento
from perennial.train.candidate import read_candidate

REFERENCE, CARD = "reference.json", "MODEL_CARD.md"


class Packaged(Report):
    """What was packaged, or why nothing was."""

    model: str
    at: date
    version: str = Field(description="The candidate's.")
    digest: str
    is_packaged: bool
    why: str
    tag: str | None = Field(None, description="The Bento's name.")
    n_reference_rows: int = 0
    n_files: int = Field(0, description="Files of the Bento, all signed.")


def package(model: str, at: str, *, project: Project | None = None) -> Packaged:
    """Make a signed Bento of the candidate that was blessed.

    Reads the candidate, its judgement `var/reports/judge/<model>.json` and rows of the judged
    days. Writes the Bento `<model>:<version>` below `var/bentoml`, its signature beside, and last
    the pointer that `packaged_version` reads. Twice is the same as once: a version is built once,
    and its Bento never changes. A candidate that was not blessed is not packaged, and the report
    says why; what was packaged before stays the newest.

    Raises GateStoppedError when there is no judgement, or it is about another candidate or lies
    after `at`; IntegrityError when bytes are not those that were judged or signed;
    UnavailableError when the disk is full.
    """
    project = project or Project.find()
    declared = project.model(model)
    with (
        full_disk.told(f"the Bento of {model}"),
        locks.exclusive(project.var / "locks", f"package-{model}", wait_seconds=600),
        progress(f"package {model}", total=None),
    ):
        candidate = read_candidate(project, model)
        judged = _judgement(project, model, candidate, date.fromisoformat(at))
        version = candidate.version
        why = f"{judged.verdict}: {'; '.join(judged.reasons)}"
        if judged.verdict != "blessed":
            return Packaged(
                model=model,
                at=date.fromisoformat(at),
                version=version,
                digest=candidate.digest,
                is_packaged=False,
                why=why,
            )
        if not signature_file(project, model, version).exists():
            _make(project, declared, candidate, judged)
        folder = verify_bento(project, model, version)
        files.replace_text(_pointer(project, model), json.dumps({"version": version}) + "\n")
    reference = json.loads((folder / "src" / REFERENCE).read_text(encoding="utf-8"))
    return Packaged(
        model=model,
        at=date.fromisoformat(at),
        version=version,
        digest=candidate.digest,
        is_packaged=True,
        why=why,
        tag=f"{model}:{version}",
        n_reference_rows=len(reference["scores"]),
        n_files=sum(1 for path in folder.rglob("*") if path.is_file()),
    )


def packaged_version(project: Project, model: str) -> str:
    """The version that was packaged last; UnavailableError when none was."""
    try:
        content = _pointer(project, model).read_text(encoding="utf-8")
        version = str(json.loads(content)["version"])
    except FileNotFoundError as error:
        raise UnavailableError(f"model {model}: no version is packaged; run package") from error
    if not bento_folder(project, model, version).is_dir():
        raise UnavailableError(f"model {model}: the Bento of {version} is gone; run package")
    return version


def _make(project: Project, model: Model, candidate: VersionFiles, judged: Judged) -> None:
    story = json.loads(candidate.files["training.json"])
    learner = parse_model(candidate)
    beside = {
        REFERENCE: reference_rows(project, model, judged, learner),
        CARD: model_card(model, judged, story, _optimized(model, candidate)).encode(),
        # The next candidate's judgement takes the place of this one; whoever watches the version
        # compares it with what was expected of it.
        JUDGED: (judged.model_dump_json(indent=2) + "\n").encode(),
    }
    folder = assemble(project, model.name, candidate, beside)
    build(project, model.name, candidate.version, folder)
    sign_bento(project, model.name, candidate.version)


def _optimized(model: Model, candidate: VersionFiles) -> Optimized | None:
    """The report of the forms that were tried, where the candidate carries one."""
    content = candidate.files.get(OPTIMIZED)
    if content is None:
        return None
    try:
        return Optimized.model_validate_json(content)
    except ValidationError as error:
        raise IntegrityError(
            f"model {model.name}: {OPTIMIZED} beside the candidate {candidate.version} is not a "
            f"report of optimize, run optimize again: {error}"
        ) from error


def _judgement(project: Project, model: str, candidate: VersionFiles, at: date) -> Judged:
    path = report_file(project, model)
    shown = project.shown(path)
    try:
        judged = Judged.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise GateStoppedError(
            f"model {model}: there is no judgement {shown}; run judge first"
        ) from error
    except ValidationError as error:
        raise IntegrityError(f"{shown} is not a judgement: {error}") from error
    if judged.digest != candidate.digest:
        raise GateStoppedError(
            f"model {model}: the candidate is {candidate.version}, but {shown} judged "
            f"{judged.version}; run judge again"
        )
    if judged.at > at:
        raise GateStoppedError(
            f"model {model}: {shown} judged with what was known at {judged.at}, after {at}"
        )
    return judged


def _pointer(project: Project, model: str) -> Path:
    return project.var / "models" / model / "packaged.json"
