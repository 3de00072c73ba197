"""The answers that are recomputed: of many entities, of all times, and the same ones each time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from perennial.keep.journal import Journal
from perennial.release.parity_sample import answers_of, last_answers_of, sample


def answers(n: int, busy_share: int = 1) -> list[tuple[int, dict[str, Any]]]:
    """One entity asks all but one of `busy_share` questions, the others one after the other."""
    return [
        (seq, {"prediction_id": f"p{seq}", "who": seq if seq % busy_share == 0 else "busy"})
        for seq in range(1, n + 1)
    ]


def who(entry: dict[str, Any]) -> Any:
    return entry["who"]


def numbers(chosen: list[dict[str, Any]]) -> list[int]:
    return [int(each["prediction_id"][1:]) for each in chosen]


def test_all_are_taken_while_they_are_few_the_newest_first() -> None:
    assert numbers(sample(answers(5, busy_share=1), 10, who)) == [5, 4, 3, 2, 1]


def test_the_same_answers_are_taken_each_time() -> None:
    first = sample(answers(5000), 50, who)
    assert len(first) == 50
    assert first == sample(answers(5000), 50, who)


def test_a_busy_entity_hides_no_other() -> None:
    chosen = sample(answers(20_000, busy_share=1000), 40, who)
    counts = Counter(map(who, chosen))
    assert len(counts) == 21
    assert counts["busy"] == 20
    assert set(counts.values()) == {1, 20}


def test_they_are_spread_over_the_whole_phase() -> None:
    taken = numbers(sample(answers(20_000, busy_share=10**9), 100, who))
    for quarter in range(4):
        n = sum(quarter * 5000 < each <= (quarter + 1) * 5000 for each in taken)
        assert n >= 10


def test_only_answers_of_the_model_the_release_and_the_phase_are_taken(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "predictions")
    told = [
        ("answer", "m", 1), ("answer", "m", 2), ("shadow", "m", 1), ("answer", "n", 1),
        ("failure", "m", 1), ("answer", "m", None), ("answer", "m", 1),
    ]  # fmt: skip
    journal.append([{"kind": kind, "model": model, "release_id": r} for kind, model, r in told])
    assert [seq for seq, _ in answers_of(tmp_path, "m", 1, 0)] == [1, 7]
    assert [seq for seq, _ in answers_of(tmp_path, "m", 1, 1)] == [7]
    assert [seq for seq, _ in answers_of(tmp_path, "m", None, 0)] == [1, 2, 6, 7]
    journal.close()


def test_the_last_answers_of_one_version_are_found(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "predictions")
    for number in range(60):
        version = "v2" if number % 3 == 0 else "v1"
        answer = {"kind": "answer", "model": "m", "prediction_id": f"p{number}", "version": version}
        journal.append([answer, {"kind": "failure", "model": "m", "version": "v1"}])
    journal.close()
    found = [each["prediction_id"] for _, each in last_answers_of(tmp_path, "m", "v1", 2)]
    assert found == [f"p{number}" for number in (47, 49, 50, 52, 53, 55, 56, 58, 59)][1:]
    assert list(last_answers_of(tmp_path, "m", "v3", 2)) == []
