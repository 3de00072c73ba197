"""Folds the journals of answers and labels into the lake, by the day on which was asked."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from perennial.declare.project import Project
from perennial.keep import files, full_disk, journal, locks
from perennial.keep.journal_lines import Entry
from perennial.keep.report import Report
from perennial.score.answers import (
    LIVE,
    days_with,
    predictions_table,
    read_answers,
    read_day,
    write_day,
)

Answers = dict[date, dict[str, dict[str, Any]]]


class Folded(Report):
    """What the journals told about the questions of a period."""

    model: str
    start: date
    end: date
    n_answers: int
    n_labelled: int
    n_failures: int
    n_fallbacks: int
    n_unmatched_labels: int
    n_set_aside: int = Field(
        description="Labels that were not used, their key having given too many that day; ever."
    )
    n_missing: int = Field(description="Journaled entries that were gone or damaged, ever.")


@dataclass
class _State:
    """How far the journals have been folded, and what no row of the lake can tell."""

    answers_after: int = 0
    labels_after: int = 0
    n_unmatched: int = 0
    n_set_aside: int = 0
    n_missing: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    """Per day how many questions nobody answered."""


def fold(project: Project, model: str, start: date, end: date) -> Folded:
    """Bring what was journaled since the last time into `data/lake/predictions/<model>`.

    Reads `var/journal/predictions` and `var/journal/feedback`; writes `day=…/live.parquet`, one
    row an answer, with the first label that came for it. Everything new is folded, whatever day it
    is about; the report counts the questions of `start <= day < end`. Twice is the same as once: an
    answer is known by its `prediction_id`, and a fold that was killed is done again from where the
    one before it ended. What was folded stays when the journal is cut. Raises `UnavailableError`
    when the disk is full.
    """
    table, path = predictions_table(project, model), _state_file(project, model)
    with (
        full_disk.told(f"the answers of {model}"),
        locks.exclusive(project.var / "locks", f"fold-{model}", wait_seconds=600),
    ):
        state = _read(path)
        # Labels first: the answers that they belong to were journaled before them.
        labels = _new_labels(project, model, state)
        answers, failures = _new_answers(project, model, state)
        changed = _merge(table, answers)
        n_unmatched = _label(table, changed, labels)
        for day, rows in sorted(changed.items()):
            write_day(table, day, LIVE, _in_order(rows), project.lake)
        state.n_unmatched += n_unmatched
        state.failures = dict(sorted((Counter(state.failures) + failures).items()))
        files.replace_text(path, json.dumps(asdict(state)) + "\n")
    return _report(project, model, start, end, state)


def folded_until(project: Project, model: str) -> tuple[int, int]:
    """The last entries of the journals of answers and labels that have been folded."""
    state = _read(_state_file(project, model))
    return state.answers_after, state.labels_after


def _report(project: Project, model: str, start: date, end: date, state: _State) -> Folded:
    answers = read_answers(project, model, start, end)
    return Folded(
        model=model,
        start=start,
        end=end,
        n_answers=answers.num_rows,
        n_labelled=answers.num_rows - answers["label"].null_count,
        n_failures=sum(
            n for day, n in state.failures.items() if start <= date.fromisoformat(day) < end
        ),
        n_fallbacks=answers.num_rows - answers["fallback"].null_count,
        n_unmatched_labels=state.n_unmatched,
        n_set_aside=state.n_set_aside,
        n_missing=state.n_missing,
    )


def _new_answers(project: Project, model: str, state: _State) -> tuple[Answers, Counter[str]]:
    answers: Answers = defaultdict(dict)
    failures: Counter[str] = Counter()
    for entry in _since(project.var / "journal" / "predictions", state, "answers_after"):
        content = entry.content
        kind = content.get("kind", "answer")
        if content.get("model") != model:
            continue
        if kind == "answer":
            row = _row(content)
            answers[row["asked_at"].date()].setdefault(row["prediction_id"], row)
        elif kind == "failure":
            moment = _moment(content.get("asked_at") or content["at"])
            failures[moment.date().isoformat()] += int(content.get("n", 1))
    return answers, failures


def _new_labels(project: Project, model: str, state: _State) -> dict[str, dict[str, Any]]:
    labels: dict[str, dict[str, Any]] = {}
    for entry in _since(project.var / "journal" / "feedback", state, "labels_after"):
        if entry.content.get("model") != model:
            continue
        if entry.content.get("kind") == "set_aside":
            state.n_set_aside += len(entry.content["labels"])
        else:
            labels.setdefault(entry.content["prediction_id"], entry.content)
    return labels


def _since(folder: Path, state: _State, name: str) -> Iterator[Entry]:
    """What a journal holds after the place that `state` remembers, which moves along.

    A journal that ends before that place is another one: it is read from its beginning.
    """
    if not folder.is_dir():
        return
    after = getattr(state, name)
    if journal.last_seq(folder) < after:
        after = 0
    reader = journal.Reader(folder, after=after)
    while entries := reader.poll():
        yield from entries
    state.n_missing += reader.n_missing
    setattr(state, name, reader.after)


def _merge(table: Path, answers: Answers) -> Answers:
    """The days with new answers, together with what they had; what was there stays as it was."""
    changed: Answers = {}
    for day, new in answers.items():
        rows = _rows_of(table, day)
        if new.keys() - rows.keys():
            changed[day] = {**new, **rows}
    return changed


def _label(table: Path, changed: Answers, labels: dict[str, dict[str, Any]]) -> int:
    """Give labels to the answers that have none yet; how many labels belong to no answer.

    Newest days first, since that is where labels belong as a rule.
    """
    left = dict(labels)
    days = sorted({*days_with(table, LIVE), *changed}, reverse=True)
    for day in days:
        if not left:
            break
        present = changed[day].keys() if day in changed else _ids_of(table, day)
        here = left.keys() & present
        if not here:
            continue
        rows = changed[day] if day in changed else _rows_of(table, day)
        for prediction_id in here:
            given, row = left.pop(prediction_id), rows[prediction_id]
            if row["label"] is None:
                row["label"], row["label_at"] = float(given["label"]), _moment(given["at"])
                changed[day] = rows
    return len(left)


def _ids_of(table: Path, day: date) -> set[str]:
    return set(read_day(table, day, LIVE, ["prediction_id"])["prediction_id"].to_pylist())


def _rows_of(table: Path, day: date) -> dict[str, dict[str, Any]]:
    return {row["prediction_id"]: row for row in read_day(table, day, LIVE).to_pylist()}


def _in_order(rows: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows.values(), key=lambda row: (row["asked_at"], row["prediction_id"]))


def _row(content: dict[str, Any]) -> dict[str, Any]:
    """A journaled answer as a row of the lake."""
    plain = ("prediction_id", "model", "version", "variant", "slot", "release_id", "score",
             "latency_ms")  # fmt: skip
    return {
        **{name: content.get(name) for name in plain},
        "fallback": _json(content.get("fallback")),
        "at": _moment(content["at"]),
        "asked_at": _moment(content["asked_at"]),
        "key": None,
        "request": _json(content.get("request")),
        "features": _json(content.get("features")),
        "label": None,
        "label_at": None,
    }


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _state_file(project: Project, model: str) -> Path:
    return project.var / "state" / f"folded-{model}.json"


def _read(path: Path) -> _State:
    """Where the last fold ended; from the beginning when that cannot be understood.

    Folding again changes no row; only what no row tells is counted anew.
    """
    try:
        return _State(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return _State()
