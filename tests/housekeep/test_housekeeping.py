"""Only what nothing needs goes, and everything that went is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perennial.declare.project import Project
from perennial.housekeep import commands as collectors
from perennial.housekeep import housekeep
from perennial.keep.journal import Journal
from perennial.keep.ledger import Ledger, bento_folder
from perennial.keep.release_changes import plan, start
from perennial.release.recording import write

MODEL = "ripeness"
AT = "2024-03-01"


@pytest.fixture
def project(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project `ripeness`; the collectors of MLflow and DVC say nothing."""
    monkeypatch.setattr(collectors, "collect", lambda *_: {})
    return make_project(n_days=0)


def removed(project: Project, **ages: int) -> list[str]:
    """What one housekeeping removes."""
    return [each.path for each in housekeep(AT, project=project, **ages).removed]


def bento(project: Project, version: str) -> Path:
    """A Bento of one version, with a file of nine bytes."""
    folder = bento_folder(project, MODEL, version)
    folder.mkdir(parents=True)
    (folder / "bento.yaml").write_text("name: bee", encoding="utf-8")
    return folder


def journal(project: Project, name: str, n_segments: int, written: str) -> None:
    """A journal of one entry a segment, all last written on a day."""
    writer = Journal(project.var / "journal" / name, segment_bytes=1)
    for number in range(n_segments):
        writer.append([{"kind": "other", "number": number}])
    writer.close()
    moment = datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()
    for path in (project.var / "journal" / name).glob("*.jsonl"):
        os.utime(path, (moment, moment))


def released(project: Project, n: int) -> list[int]:
    """Releases that are over, each with its page and its measurements."""
    found = []
    for number in range(n):
        Ledger.of(project).set_slot(MODEL, "blue", f"v{number}", "proven")
        first = plan(MODEL, f"v{number}", "blue", night=AT, why="test", kind="first")
        found.append(start(Ledger.of(project), first, "test").id)
        write(project, Ledger.of(project), found[-1])
        (project.var / "journal" / "releases" / str(found[-1])).mkdir(parents=True)
    return found


def folded(project: Project, answers: int, labels: int) -> None:
    """How far the journals have been folded."""
    path = project.var / "state" / f"folded-{MODEL}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"answers_after": answers, "labels_after": labels}))


def test_reports_beyond_the_newest_go_and_others_stay(project: Project) -> None:
    folder = project.var / "reports" / "watch" / MODEL
    folder.mkdir(parents=True)
    for day in ("01", "02", "03"):
        for kind in ("json", "html"):
            (folder / f"2024-02-{day}.{kind}").write_text("{}", encoding="utf-8")
    (folder / "index.html").write_text("all nights", encoding="utf-8")
    found = removed(project, keep_reports=2)
    assert [Path(each).name for each in found] == ["2024-02-01.html", "2024-02-01.json"]
    assert sorted(path.name for path in folder.iterdir())[-1] == "index.html"
    assert removed(project, keep_reports=2) == []


def test_a_bento_on_a_slot_or_packaged_stays(project: Project) -> None:
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, 3100)
    for version in ("blue", "packaged", "old"):
        bento(project, version)
    ledger.set_slot(MODEL, "blue", "blue", "proven")
    pointer = project.var / "models" / MODEL / "packaged.json"
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text(json.dumps({"version": "packaged"}), encoding="utf-8")
    report = housekeep(AT, project=project)
    assert [Path(each.path).name for each in report.removed] == ["old"]
    assert report.bytes == 9


def test_a_segment_stays_until_it_is_folded_and_old(project: Project) -> None:
    journal(project, "predictions", 4, "2024-01-01")
    journal(project, "feedback", 2, "2024-01-01")
    assert removed(project) == [], "nothing has been folded"
    folded(project, answers=2, labels=0)
    assert removed(project, journal_days=90) == [], "not old enough"
    names = [Path(each).stem for each in removed(project)]
    assert names == [f"{1:020d}", f"{2:020d}"]


def test_the_segment_that_is_written_stays_though_it_is_folded(project: Project) -> None:
    journal(project, "predictions", 2, "2024-01-01")
    folded(project, answers=2, labels=0)
    assert [Path(each).stem for each in removed(project)] == [f"{1:020d}"]
    assert Journal(project.var / "journal" / "predictions").last_seq == 2


def test_a_segment_that_a_release_still_reads_stays(project: Project) -> None:
    from perennial.keep import release_changes

    journal(project, "predictions", 4, "2024-01-01")
    folded(project, answers=4, labels=0)
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, 3100)
    ledger.set_slot(MODEL, "green", "new", "proven")
    new = release_changes.plan(MODEL, "new", "green", night=AT, why="better", after_seq=1)
    release_changes.start(ledger, new, "test")
    assert [Path(each).stem for each in removed(project)] == [f"{1:020d}"]


def test_pages_and_measurements_of_the_newest_releases_stay(project: Project) -> None:
    Ledger.of(project).reserve(MODEL, 4100)
    old, *newest = released(project, 3)
    assert removed(project, keep_reports=2) == [
        f"var/reports/release/{MODEL}/{old}",
        f"var/journal/releases/{old}",
    ]
    assert all((project.var / "journal" / "releases" / str(each)).is_dir() for each in newest)
    assert not removed(project, keep_reports=2)
