"""Reports of nights beyond the newest ones."""

from __future__ import annotations

from collections.abc import Iterator

from perennial.declare.project import Project
from perennial.housekeep.chosen import Chosen


def beyond(project: Project, keep: int) -> Iterator[Chosen]:
    """Per model and stage, the files of all nights but the newest `keep`."""
    for stage in ("watch", "decide"):
        for folder in sorted((project.var / "reports" / stage).glob("*/")):
            nights = sorted({path.stem for path in folder.glob("????-??-??.*")}, reverse=True)
            for night in sorted(nights[keep:]):
                for path in sorted(folder.glob(f"{night}.*")):
                    yield Chosen(path, f"older than the newest {keep} nights")
