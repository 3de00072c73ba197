"""One comparison from beginning to end: which answers, of which phase, by which declaration."""

from __future__ import annotations

from typing import Any

from perennial.declare.parity import Parity as Declared
from perennial.declare.project import Project
from perennial.features.inputs import inputs_of
from perennial.features.repository import open_store
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.release.parity import compare
from perennial.release.parity_report import Parity
from perennial.release.parity_sample import answers_of, last_answers_of, sample


def recompute(
    model: str,
    release_id: int | None = None,
    rows: int | None = None,
    *,
    project: Project | None = None,
) -> Parity:
    """Compare answers of a release's present phase, or of all that is journaled.

    A release that is pending has no answers yet: then the last ones of the version that answers,
    which were made from the same views.
    Reads journals, lake and declarations, and writes nothing. Twice is the same as once, while
    nothing is answered. Raises `UnavailableError` when there is no such release.
    """
    project = project or Project.find()
    declared = project.model(model)
    wanted = declared.release.parity or Declared.model_validate({})
    found = releases.find(Ledger.of(project), release_id) if release_id else None
    inputs = inputs_of(open_store(project), declared)
    keys = tuple(dict.fromkeys(key for each in inputs.join_keys.values() for key in each))

    def entity_of(entry: dict[str, Any]) -> tuple[Any, ...]:
        asked = entry.get("request") or {}
        return tuple(asked.get(key) for key in keys)

    journal, n = project.var / "journal", rows or wanted.rows
    if found is not None and found.state == "pending":
        answers = last_answers_of(journal, model, found.stable_version, n)
    else:
        answers = answers_of(journal, model, release_id, found.after_seq if found else 0)
    chosen = sample(answers, n, entity_of)
    return compare(project, declared, chosen, wanted)
