"""Keeps the record of releases: what was measured, and the page that shows it.

The page is written again whenever a release has changed, and once a minute while it is measured.
It can be made at any moment, from the ledger and the kept measurements (`write`). Nothing here can
hold up a release: what fails is told, and tried again with the next change.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path

from perennial.declare.project import Project
from perennial.keep import releases
from perennial.keep.files import replace_text
from perennial.keep.ledger import Ledger, now
from perennial.keep.releases import Release
from perennial.release.guardrails import Measurement
from perennial.release.record_history import History, folder_of, points
from perennial.release.record_page import page, twin
from perennial.release.record_told import Told

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
"""How often the page of a release is written anew while only measurements come."""

REVISION = re.compile(r'<meta name="revision" content="(\d+)">')


def page_file(project: Project, model: str, release_id: int) -> Path:
    """Where the page of a release is; `release.json` lies beside it."""
    return project.var / "reports" / "release" / model / str(release_id) / "index.html"


def told(project: Project, ledger: Ledger, release_id: int) -> Told:
    """All that is known of a release. Raises `UnavailableError` when there is none."""
    release = releases.find(ledger, release_id)
    record = releases.record(ledger, release_id)
    return Told(release, record, list(points(folder_of(project, release_id))), now())


def write(project: Project, ledger: Ledger, release_id: int) -> Path:
    """Write a release's page and its twin as they are now; where the page is.

    Twice is the same as once. Raises `UnavailableError` when there is no such release.
    """
    found = told(project, ledger, release_id)
    file = page_file(project, found.release.model, release_id)
    replace_text(file.with_name("release.json"), twin(found))
    replace_text(file, page(found))  # last: it says which revision was written
    return file


class Recording:
    """What the controller tells of each release that it looks at."""

    def __init__(self, project: Project, ledger: Ledger) -> None:
        self.project, self.ledger = project, ledger
        self._histories: dict[int, History] = {}
        self._written: dict[int, tuple[int | None, float]] = {}
        self._news: set[int] = set()
        """Releases with measurements that their page does not show yet."""

    def look(self, release: Release, measured: Sequence[Measurement] = ()) -> None:
        """Keep what is new, and write the page when that is due. Never raises."""
        try:
            self._keep(release, measured)
            if self._is_due(release):
                self._written[release.id] = release.revision, time.monotonic()
                self._news.discard(release.id)
                write(self.project, self.ledger, release.id)
        except Exception:
            logger.exception("the record of release %d of %s", release.id, release.model)
        if not release.is_open:
            self._histories.pop(release.id, None)

    def catch_up(self) -> None:
        """Write the pages that a killed controller could not. Never raises."""
        for path in self.project.files("models", "*.yaml"):
            try:
                for release in releases.of_model(self.ledger, path.stem, limit=1):
                    if not release.is_open and self._found(release) != release.revision:
                        write(self.project, self.ledger, release.id)
            except Exception:
                logger.exception("the record of the last release of %s", path.stem)

    def _keep(self, release: Release, measured: Sequence[Measurement]) -> None:
        if not measured:
            return
        history = self._histories.get(release.id)
        if history is None:
            history = self._histories[release.id] = History(folder_of(self.project, release.id))
        if history.add(release, measured, now()):
            self._news.add(release.id)

    def _is_due(self, release: Release) -> bool:
        if release.id not in self._written:
            self._written[release.id] = self._found(release), time.monotonic()
        revision, at = self._written[release.id]
        if release.revision != revision:
            return True
        return release.id in self._news and time.monotonic() - at >= REFRESH_SECONDS

    def _found(self, release: Release) -> int | None:
        """Of which revision the page on the disk tells; None when there is none."""
        file = page_file(self.project, release.model, release.id)
        try:
            with file.open(encoding="utf-8") as lines:
                found = REVISION.search(lines.read(1000))
        except (OSError, UnicodeDecodeError):
            return None
        return int(found[1]) if found else None
