"""The index of first labels follows its journal, whatever happens between the two."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial.keep.first_labels import FirstLabels
from perennial.keep.journal import Journal

FIRST, SECOND = "0" * 32, "f" * 32


class Labels:
    """A journal of labels, and its index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / "feedback", segment_bytes=500)
        self.index = self.opened()

    def opened(self, most: int = 100) -> FirstLabels:
        return FirstLabels(self.folder / "feedback", self.folder / "state" / "labels.db", most)

    def tell(self, *labels: tuple[str, float], model: str = "ripeness") -> None:
        self.journal.append(
            [{"model": model, "prediction_id": name, "label": label} for name, label in labels]
        )


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[Labels]:
    made = Labels(tmp_path)
    yield made
    made.index.close()
    made.journal.close()


def test_the_first_label_is_found_by_model_and_prediction(labels: Labels) -> None:
    labels.tell((FIRST, 1.0), (FIRST, 0.0))
    labels.tell((FIRST, 0.5), model="another")
    labels.index.catch_up()
    assert labels.index.find("ripeness", [FIRST, SECOND]) == {FIRST: 1.0}
    assert labels.index.find("another", [FIRST]) == {FIRST: 0.5}
    assert labels.index.find("ripeness", []) == {}


def test_what_was_journaled_and_not_indexed_is_caught_up(labels: Labels) -> None:
    """A kill between the two."""
    labels.tell((FIRST, 1.0))
    labels.index.catch_up()
    labels.index.close()
    labels.tell((SECOND, 0.0))
    again = labels.opened()
    again.catch_up()
    assert again.find("ripeness", [FIRST, SECOND]) == {FIRST: 1.0, SECOND: 0.0}
    assert again.after == 2
    again.close()


def test_it_holds_the_newest_labels_and_no_more(labels: Labels) -> None:
    index = labels.opened(most=10)
    names = [f"{n:032x}" for n in range(35)]
    for start in range(0, 35, 5):
        labels.tell(*((name, 1.0) for name in names[start : start + 5]))
        index.catch_up()
    assert index.find("ripeness", names).keys() == set(names[-10:])
    index.close()


def test_a_lost_index_is_made_again_of_the_newest(labels: Labels) -> None:
    names = [f"{n:032x}" for n in range(35)]
    for name in names:
        labels.tell((name, 1.0))
    index = labels.opened(most=10)
    index.catch_up()
    assert index.find("ripeness", names).keys() == set(names[-10:])
    index.close()


@pytest.mark.parametrize("harm", [b"", b"no database at all" * 500])
def test_a_damaged_index_is_made_again(labels: Labels, harm: bytes) -> None:
    labels.tell((FIRST, 1.0))
    labels.index.catch_up()
    labels.index.close()
    path = labels.folder / "state" / "labels.db"
    path.write_bytes(harm)
    labels.index.catch_up()
    assert labels.index.find("ripeness", [FIRST]) == {FIRST: 1.0}


def test_an_index_with_damaged_pages_is_made_again_before_it_tells(labels: Labels) -> None:
    for n in range(2000):
        labels.tell((f"{n:032x}", 1.0))
    labels.index = labels.opened(most=5000)
    labels.index.catch_up()
    labels.index.close()
    path = labels.folder / "state" / "labels.db"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert len(labels.index.find("ripeness", [f"{n:032x}" for n in range(2000)])) == 2000


def test_another_journal_is_another_index(labels: Labels) -> None:
    for _ in range(3):
        labels.tell((FIRST, 1.0))
    labels.index.catch_up()
    labels.index.close()
    labels.journal.close()
    for path in (labels.folder / "feedback").glob("*.jsonl"):
        path.unlink()
    labels.journal = Journal(labels.folder / "feedback")
    labels.tell((SECOND, 0.0))
    labels.index.catch_up()
    assert labels.index.find("ripeness", [FIRST, SECOND]) == {SECOND: 0.0}


def test_a_full_disk_is_passing(labels: Labels, monkeypatch: pytest.MonkeyPatch) -> None:
    labels.tell((FIRST, 1.0))
    labels.index.catch_up()
    labels.tell((SECOND, 0.0))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(FirstLabels, "_take", full)
        with pytest.raises(sqlite3.OperationalError):
            labels.index.catch_up()
    labels.index.catch_up()
    assert labels.index.find("ripeness", [FIRST, SECOND]) == {FIRST: 1.0, SECOND: 0.0}


def test_entries_that_are_no_labels_are_passed_over(labels: Labels) -> None:
    labels.journal.append([{"model": "ripeness"}, {"model": "ripeness", "prediction_id": "x"}])
    labels.tell((FIRST, 1.0))
    labels.index.catch_up()
    assert labels.index.find("ripeness", [FIRST]) == {FIRST: 1.0}


def test_labels_are_counted_by_caller_and_day(labels: Labels) -> None:
    labels.index = labels.opened(most=1000)

    def tell(day: str, caller: str, *numbers: int) -> None:
        same = {"model": "ripeness", "label": 1.0, "at": f"{day}T12:00:00Z", "by": caller}
        labels.journal.append([{**same, "prediction_id": f"{each:032x}"} for each in numbers])
        labels.index.catch_up()

    tell("2024-05-01", "a", *range(300))
    tell("2024-05-02", "a", *range(300, 303))
    tell("2024-05-02", "b", *range(303, 308))
    labels.journal.append([{"kind": "set_aside", "model": "ripeness", "labels": [], "by": "a"}])
    assert labels.index.given("ripeness", "2024-05-01") == {"a": 300}
    assert labels.index.given("ripeness", "2024-05-02") == {"a": 3, "b": 5}
    assert labels.index.given("another", "2024-05-02") == {}
    tell("2024-05-03", "a", 308)
    assert labels.index.given("ripeness", "2024-05-01") == {}, "only the last two days are kept"


def test_an_index_that_stopped_between_two_steps_takes_nothing_twice(labels: Labels) -> None:
    names = [f"{each:032x}" for each in range(250)]
    same = {"model": "ripeness", "label": 1.0, "at": "2024-05-01T12:00:00Z", "by": "a"}
    labels.index = labels.opened(most=1000)
    labels.journal.append([{**same, "prediction_id": name} for name in names])
    steps = labels.index.steps()
    next(steps)
    assert labels.index.after == 100
    steps.close()
    assert len(labels.index.find("ripeness", names)) == 250
    assert labels.index.given("ripeness", "2024-05-01") == {"a": 250}
