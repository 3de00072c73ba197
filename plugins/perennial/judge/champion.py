"""What serves now: the one that a candidate is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from perennial.declare.project import Project
from perennial.errors import ContractBrokenError
from perennial.judge import verdict
from perennial.judge.judged import Check
from perennial.learn.contract import FloatArray
from perennial.learn.loading import parse_model
from perennial.learn.version_files import VersionFiles, read
from perennial.train.champion import learned_days
from perennial.train.labelled_rows import LabelledRows


@dataclass(frozen=True)
class Champion:
    """The version that serves, if one does, and its answers or why there are none to compare."""

    version: str | None
    scores: FloatArray | None
    check: Check | None
    """The check when there is nothing to compare; None when the scores have to tell."""
    learned_until: date | None = None
    """The first day that it has not learned from."""


def champion_folder(project: Project, model: str) -> Path | None:
    """The files of the version that answers for `model` now; None when nothing serves.

    Not the version that was blessed last: that one may never have been released, or may have been
    rolled back.
    """
    from perennial.keep.ledger import serving

    now = serving(project, model)
    return None if now is None else now.version_folder


def ask_champion(
    project: Project, model: str, candidate: VersionFiles, judged: LabelledRows
) -> Champion:
    """The champion's answers for the judged rows; its files are verified before they are parsed."""
    folder = champion_folder(project, model)
    if folder is None:
        return Champion(None, None, verdict.check_no_champion())
    files = read(folder)
    version = files.version
    if files.digest == candidate.digest:
        return Champion(version, None, verdict.check_same_version(version))
    try:
        scores = parse_model(files).predict(judged.features)
    except ContractBrokenError as error:
        return Champion(version, None, verdict.check_not_comparable(version, str(error)))
    if not np.isfinite(scores).all():
        why = "some of its answers are not numbers"
        return Champion(version, None, verdict.check_not_comparable(version, why))
    return Champion(version, scores, None, learned_days(files)[1])
