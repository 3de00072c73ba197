"""Reports of nights and of releases beyond the newest ones."""

from __future__ import annotations

from collections.abc import Iterator

from perennial.declare.project import Project
from perennial.housekeep.chosen import Chosen
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.release.record_history import folder_of
from perennial.release.recording import page_file


def beyond(project: Project, keep: int) -> Iterator[Chosen]:
    """Per model and stage, the files of all nights but the newest `keep`."""
    for stage in ("watch", "decide"):
        for folder in sorted((project.var / "reports" / stage).glob("*/")):
            nights = sorted({path.stem for path in folder.glob("????-??-??.*")}, reverse=True)
            for night in sorted(nights[keep:]):
                for path in sorted(folder.glob(f"{night}.*")):
                    yield Chosen(path, f"older than the newest {keep} nights")


def of_releases(project: Project, keep: int) -> Iterator[Chosen]:
    """Pages and measurements of all releases that are over but the newest `keep` of each model."""
    ledger = Ledger.of(project)
    for model in project.models:
        for release in releases.of_model(ledger, model)[keep:]:
            page = page_file(project, model, release.id).parent
            for path in (page, folder_of(project, release.id)):
                if path.is_dir() and not release.is_open:
                    yield Chosen(path, f"older than the newest {keep} releases")
