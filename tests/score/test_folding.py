from __future__ import annotations

import contextlib
import json
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from perennial.declare.project import Project
from perennial.keep import partitions
from perennial.keep.journal_lines import segments
from perennial.score import SCHEMA, Folded, fold, predictions_table, read_answers
from perennial.score import folding as module
from perennial.score.answers import LIVE, read_day

from .conftest import DAY, LATER, MODEL, NOON, Journals, tomorrow

NEXT = DAY + timedelta(days=1)


def folded(project: Project, start: date = DAY, end: date = NEXT) -> Folded:
    return fold(project, MODEL, start, end)


def rows(project: Project, day: date = DAY) -> list[dict[str, object]]:
    table: pa.Table = read_day(predictions_table(project, MODEL), day, LIVE)
    assert table.schema == SCHEMA
    listed: list[dict[str, object]] = table.to_pylist()
    return listed


def file_of(project: Project, day: date = DAY) -> Path:
    return partitions.partition(predictions_table(project, MODEL), day, LIVE)


def test_an_answer_becomes_a_row_of_the_day_on_which_was_asked(journals: Journals) -> None:
    first = journals.answer()
    second = journals.answer(tomorrow())
    report = folded(journals.project)
    assert (report.n_answers, report.n_labelled, report.n_failures) == (1, 0, 0)
    (row,) = rows(journals.project)
    assert row["prediction_id"] == first
    assert (row["asked_at"], row["at"], row["score"]) == (NOON, LATER, 0.25)
    assert json.loads(str(row["request"])) == {"fruit": "päar"}
    assert [each["prediction_id"] for each in rows(journals.project, NEXT)] == [second]


def test_twice_is_the_same_as_once(journals: Journals) -> None:
    journals.label(journals.answer())
    journals.fail(3)
    journals.label("0" * 32)
    first = folded(journals.project)
    content = file_of(journals.project).read_bytes()
    assert folded(journals.project) == first
    assert file_of(journals.project).read_bytes() == content


def test_a_fold_that_was_killed_before_its_end_is_done_again(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journals.label(journals.answer())
    journals.fail(3)

    def killed(path: Path, content: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.files, "replace_text", killed)
        with pytest.raises(KeyboardInterrupt):
            folded(journals.project)
    assert len(rows(journals.project)) == 1  # published, but not remembered
    report = folded(journals.project)
    assert (report.n_answers, report.n_labelled, report.n_failures) == (1, 1, 3)


def test_a_fold_that_was_killed_between_two_days_doubles_and_loses_nothing(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {journals.answer(tomorrow(days=days)) for days in range(4) for _ in range(3)}
    real = module.write_day
    for killed_at in range(4):
        n_written = 0

        def write(*given: object, killed_at: int = killed_at) -> None:
            nonlocal n_written
            if n_written == killed_at:
                raise KeyboardInterrupt
            n_written += 1
            real(*given)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(module, "write_day", write)
            with contextlib.suppress(KeyboardInterrupt):
                folded(journals.project)
        asked.add(journals.answer(tomorrow(days=killed_at)))
    folded(journals.project)
    found = [row for days in range(4) for row in rows(journals.project, DAY + timedelta(days=days))]
    assert len(found) == len(asked) == 16
    assert {row["prediction_id"] for row in found} == asked


def test_an_answer_that_is_journaled_twice_is_one_row(journals: Journals) -> None:
    asked = journals.answer()
    journals.answer(prediction_id=asked)
    folded(journals.project)
    journals.answer(prediction_id=asked, score=0.75)
    assert folded(journals.project).n_answers == 1
    assert [row["score"] for row in rows(journals.project)] == [0.25]


def test_entries_that_went_missing_are_told(journals: Journals) -> None:
    for _ in range(10):
        journals.answer()
    assert folded(journals.project).n_missing == 0
    for _ in range(30):
        journals.answer()
    parts = segments(journals.project.var / "journal" / "predictions")
    gone = sum(len(part.read_bytes().splitlines()) for part in parts[-3:-1])
    for part in parts[-3:-1]:
        part.unlink()
    report = folded(journals.project)
    assert report.n_missing == gone > 0
    assert report.n_answers == 40 - gone
    assert folded(journals.project).n_missing == gone


@pytest.mark.parametrize("content", ["", "{}{", '{"unknown": 1}', "[]"])
def test_a_lost_memory_of_what_was_folded_changes_nothing(journals: Journals, content: str) -> None:
    journals.label(journals.answer())
    journals.fail()
    first = folded(journals.project)
    (journals.project.var / "state" / f"folded-{MODEL}.json").write_text(content)
    assert folded(journals.project) == first


def test_a_label_finds_its_answer_days_later(journals: Journals) -> None:
    asked = [journals.answer(tomorrow(days=n)) for n in range(5)]
    folded(journals.project)
    journals.label(asked[0], 0.0)
    report = folded(journals.project)
    assert (report.n_labelled, report.n_unmatched_labels) == (1, 0)
    (row,) = rows(journals.project)
    assert (row["label"], row["label_at"]) == (0.0, LATER)


def test_the_first_label_counts(journals: Journals) -> None:
    asked = journals.answer()
    journals.label(asked, 1.0)
    journals.label(asked, 0.0)
    folded(journals.project)
    journals.label(asked, 0.0)
    report = folded(journals.project)
    assert [row["label"] for row in rows(journals.project)] == [1.0]
    assert report.n_unmatched_labels == 0


def test_labels_of_no_known_prediction_are_counted_and_not_lost_sight_of(
    journals: Journals,
) -> None:
    journals.answer()
    journals.label("f" * 32)
    journals.label("e" * 32, model="another")
    assert folded(journals.project).n_unmatched_labels == 1
    journals.label("d" * 32)
    assert folded(journals.project).n_unmatched_labels == 2


def test_labels_that_were_set_aside_are_counted_and_not_used(journals: Journals) -> None:
    asked = journals.answer()
    aside = {"kind": "set_aside", "model": MODEL, "at": LATER, "by": "0123456789ab"}
    journals.feedback.append([{**aside, "labels": [[asked, 1.0], ["f" * 32, 0.0]]}])
    journals.feedback.append([{**aside, "model": "another", "labels": [[asked, 1.0]]}])
    report = folded(journals.project)
    assert (report.n_labelled, report.n_set_aside, report.n_unmatched_labels) == (0, 2, 0)
    assert folded(journals.project).n_set_aside == 2


def test_other_models_copies_and_failures_are_no_answers(journals: Journals) -> None:
    journals.answer()
    journals.answer(model="another")
    journals.predictions.append(
        [{"kind": "shadow", "prediction_id": "a" * 32, "model": MODEL, "version": "v2",
          "release_id": 1, "at": LATER, "score": 0.5, "why": None, "latency_ms": 1.0}]
    )  # fmt: skip
    journals.fail(2)
    journals.fail(4, at=tomorrow())
    journals.fail(8, model="another")
    report = folded(journals.project)
    assert (report.n_answers, report.n_failures) == (1, 2)
    assert folded(journals.project, end=NEXT + timedelta(days=1)).n_failures == 6


def test_an_answer_that_another_version_gave_is_told(journals: Journals) -> None:
    fallback = {"version": "v2", "why": "it did not answer", "latency_ms": 2000.0}
    journals.answer(fallback=fallback, release_id=3)
    assert folded(journals.project).n_fallbacks == 1
    (row,) = rows(journals.project)
    assert json.loads(str(row["fallback"])) == fallback
    assert row["release_id"] == 3


def test_torn_lines_cost_no_other_answer(journals: Journals) -> None:
    kept = [journals.answer() for _ in range(3)]
    journals.close()
    newest = segments(journals.project.var / "journal" / "predictions")[-1]
    with newest.open("ab") as file:
        file.write(b'{"seq": 99, "kind": "answer", "predic')
    assert folded(journals.project).n_answers == 3
    journals.open()  # cuts what is torn, and goes on
    kept.append(journals.answer())
    assert folded(journals.project).n_answers == 4
    assert {row["prediction_id"] for row in rows(journals.project)} == set(kept)


def test_what_was_folded_stays_when_the_journal_is_cut(journals: Journals) -> None:
    first = [journals.answer() for _ in range(30)]
    folded(journals.project)
    parts = segments(journals.project.var / "journal" / "predictions")
    assert len(parts) > 1
    parts[0].unlink()
    second = journals.answer()
    journals.label(first[0])
    report = folded(journals.project)
    assert (report.n_answers, report.n_labelled) == (31, 1)
    assert second in {row["prediction_id"] for row in rows(journals.project)}


def test_a_journal_that_begins_anew_is_read_from_its_beginning(journals: Journals) -> None:
    for _ in range(3):
        journals.answer()
    folded(journals.project)
    journals.close()
    for part in segments(journals.project.var / "journal" / "predictions"):
        part.unlink()
    journals.open()
    journals.answer()
    assert folded(journals.project).n_answers == 4


def test_without_journals_nothing_was_answered(journals: Journals) -> None:
    report = folded(journals.project)
    assert (report.n_answers, report.n_unmatched_labels) == (0, 0)
    assert not predictions_table(journals.project, MODEL).exists()


def test_a_period_holds_its_days_and_no_others(journals: Journals) -> None:
    for days in range(4):
        journals.answer(tomorrow(days=days))
    folded(journals.project)
    inside = read_answers(journals.project, MODEL, NEXT, NEXT + timedelta(days=2))
    assert inside.num_rows == 2
    assert "features" not in inside.column_names
