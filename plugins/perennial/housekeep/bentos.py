"""Bentos that no slot runs, that are not packaged for one, and that no late release names."""

from __future__ import annotations

import json
from collections.abc import Iterator

from perennial.declare.project import Project
from perennial.housekeep.chosen import Chosen
from perennial.keep import releases
from perennial.keep.ledger import Ledger


def unused(project: Project, keep_releases: int) -> Iterator[Chosen]:
    """The folders of versions that nothing returns to."""
    ledger = Ledger.of(project)
    for folder in sorted((project.var / "bentoml" / "bentos").glob("*/")):
        model = folder.name
        needed = {slot.version for slot in ledger.slots(model)} | {_packaged(project, model)}
        for each in releases.of_model(ledger, model, keep_releases):
            needed |= {each.version, each.stable_version}
        for bento in sorted(folder.glob("*/")):
            if bento.name not in needed:
                yield Chosen(
                    bento, f"on no slot, and not of the last {keep_releases} releases of {model}"
                )


def _packaged(project: Project, model: str) -> str | None:
    """The version that waits for its deployment, if any."""
    pointer = project.var / "models" / model / "packaged.json"
    try:
        return str(json.loads(pointer.read_text(encoding="utf-8"))["version"])
    except (FileNotFoundError, ValueError, KeyError):
        return None
