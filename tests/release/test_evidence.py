"""Evidence: a function of the journals alone, phase by phase, bounded, NaN never compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perennial.keep import release_changes, releases
from perennial.keep.journal import Journal
from perennial.keep.releases import Recorded, Release
from perennial.release import awaited, seen
from perennial.release.evidence import Arm, Evidence
from perennial.release.slice_values import MOST_VALUES

RELEASE = replace(
    release_changes.plan("m", "v2", "green", night="2024-02-01", why="test"),
    id=7,
    stable_version="v1",
    stable_slot="blue",
)


def phase(state: releases.ReleaseState, after_seq: int) -> Recorded:
    return Recorded("", state, 0, 0.0, 0.0, after_seq, "test", "", [])


@pytest.fixture
def predictions(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "predictions")
    yield journal
    journal.close()


@pytest.fixture
def feedback(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "feedback")
    yield journal
    journal.close()


def follow(
    tmp_path: Path,
    *phases: Recorded,
    release: Release = RELEASE,
    is_probability: bool = True,
    slices: tuple[str, ...] = (),
) -> Evidence:
    given = phases or (phase("shadow", 0),)
    return Evidence(tmp_path, release, given, is_probability, slices)


def answer(name: str, version: str = "v1", score: Any = 0.5, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "answer",
        "prediction_id": name,
        "model": "m",
        "version": version,
        "release_id": 7,
        "score": score,
        "latency_ms": 5.0,
        "fallback": None,
        **fields,
    }


def copy(name: str, score: Any = 0.7, version: str = "v2", **fields: Any) -> dict[str, Any]:
    return {**answer(name, version, score), "kind": "shadow", **fields}


def label(name: str, value: Any) -> dict[str, Any]:
    return {"model": "m", "prediction_id": name, "label": value}


def counts(arm: Arm) -> tuple[int, float]:
    return arm.n, arm.n_failed


def test_nothing_journaled_is_no_evidence(tmp_path: Path) -> None:
    found = follow(tmp_path)
    assert found.read() == 0
    assert counts(found.now.old) == counts(found.now.new) == (0, 0)
    assert found.seen_seq == 0


def test_copies_are_paired_with_the_answers_that_they_copy(
    tmp_path: Path, predictions: Journal
) -> None:
    predictions.append([answer("a"), copy("a"), answer("b", score=0.2), copy("b", score=0.2)])
    found = follow(tmp_path)
    assert found.read() == 4
    assert (found.now.old.n, found.now.new.n, found.now.pairs.shift.n) == (2, 2, 2)
    assert found.now.pairs.shift.mean == pytest.approx(0.1)
    assert (found.now.pairs.old, found.now.pairs.new) == ([0.5, 0.2], [0.7, 0.2])


def test_a_copy_of_a_copy_or_of_nothing_is_no_pair(tmp_path: Path, predictions: Journal) -> None:
    predictions.append([answer("a"), copy("a"), copy("a"), copy("unknown")])
    found = follow(tmp_path)
    found.read()
    assert found.now.pairs.shift.n == 1


@pytest.mark.parametrize("score", [None, "0.5", True, -0.1, 1.1])
def test_a_score_that_is_none_is_a_failure_and_never_compared(
    tmp_path: Path, predictions: Journal, score: Any
) -> None:
    predictions.append([answer("a"), copy("a", score=score)])
    found = follow(tmp_path)
    found.read()
    assert counts(found.now.new) == (1, 1)
    assert found.now.pairs.shift.n == found.now.new.scores.n == 0


def test_nan_is_refused_before_any_comparison(tmp_path: Path) -> None:
    found = follow(tmp_path, is_probability=False)
    for score in (float("nan"), float("inf"), -float("inf")):
        assert found._usable(score) is None
    assert found._usable(-17) == -17.0


def test_who_should_have_answered_has_failed(tmp_path: Path, predictions: Journal) -> None:
    helped = {"version": "v2", "why": "500", "latency_ms": 3.0}
    failure = {"kind": "failure", "version": "v2", "release_id": 7, "n": 3}
    predictions.append([answer("a", fallback=helped), failure, answer("b", "v2")])
    found = follow(tmp_path, phase("canary", 0))
    found.read()
    assert counts(found.now.new) == (3, 2)
    assert found.now.old.n == 0


def test_what_is_of_another_release_model_or_version_does_not_count(
    tmp_path: Path, predictions: Journal
) -> None:
    old_entry = {key: value for key, value in answer("d").items() if key != "release_id"}
    others = [answer("a", release_id=6), answer("b", release_id=None), answer("c", "v9"), old_entry]
    predictions.append(others)
    found = follow(tmp_path)
    found.read()
    assert found.now.old.n == found.now.new.n == 0
    assert found.seen_seq == 4


def test_the_time_of_an_answer_is_counted_of_answers_only(
    tmp_path: Path, predictions: Journal
) -> None:
    slow: dict[str, Any] = {"latency_ms": 100.5}
    predictions.append([answer("a", **slow), answer("b", score=None, **slow), answer("c")])
    found = follow(tmp_path)
    found.read()
    assert (counts(found.now.old), found.now.old.latency_ms.n) == ((3, 1), 2)


def test_what_is_asked_together_counts_as_one_request(tmp_path: Path, predictions: Journal) -> None:
    """A batch of 30 that fails is one failure, and its mean score is one score."""
    batch = [answer(f"a{n}", score=n / 30, at="12:00:01") for n in range(30)]
    copies = [copy(f"a{n}", score=n / 30 + 0.01, at="12:00:02") for n in range(29)]
    copies.append(copy("a29", score=None, at="12:00:02"))
    helped = {"version": "v2", "why": "500", "latency_ms": 3.0}
    predictions.append([*batch, answer("b", at="12:00:03")])
    predictions.append([*copies, copy("b", at="12:00:04")])
    predictions.append([answer(f"c{n}", at="12:00:05", fallback=helped) for n in range(30)])
    found = follow(tmp_path)
    found.read()
    assert counts(found.now.old) == (2, 0)
    assert counts(found.now.new) == (3, pytest.approx(1 + 1 / 30))
    assert (found.now.old.scores.n, found.now.old.spread.n) == (2, 31)
    assert (found.now.pairs.shift.n, found.now.pairs.n_ranked) == (2, 2)
    assert found.now.pairs.shift.mean == pytest.approx((0.01 + 0.2) / 2)
    assert len(found.now.pairs.old) == 30


def test_a_slice_keeps_what_its_questions_showed(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    asked = {"request": {"origin": "EWR"}, "features": {"origin": "ignored", "hour": 7.0}}
    helped = {"version": "v2", "why": "500", "latency_ms": 3.0}
    predictions.append(
        [answer("a", **asked), copy("a"), answer("b", **asked, fallback=helped), answer("c")]
    )
    feedback.append([label("a", 1)])
    found = follow(tmp_path, slices=("origin", "hour", "absent"))
    found.read()
    assert list(found.now.groups) == [("origin", "EWR"), ("hour", "7.0")]
    for group in found.now.groups.values():
        assert (counts(group.old), counts(group.new)) == ((1, 0), (2, 1))
        assert group.pairs.shift.n == group.pairs.losses.n == group.old.losses.n == 1
    assert counts(found.now.old) == (2, 0)


def test_of_a_slice_the_first_values_are_kept_and_no_more(
    tmp_path: Path, predictions: Journal
) -> None:
    predictions.append([answer(str(n), request={"tail": n}) for n in range(100)])
    found = follow(tmp_path, slices=("tail",))
    found.read()
    assert list(found.now.groups) == [("tail", str(n)) for n in range(MOST_VALUES)]
    assert found.now.old.n == 100


def test_a_refusal_at_the_door_says_nothing_of_a_version(
    tmp_path: Path, predictions: Journal
) -> None:
    predictions.append([{**answer("a"), "kind": "refusal"}])
    found = follow(tmp_path)
    found.read()
    assert counts(found.now.old) == (0, 0)


def test_each_entry_belongs_to_the_phase_in_which_it_was_written(
    tmp_path: Path, predictions: Journal
) -> None:
    phases = [phase("pending", 0), phase("shadow", 1), phase("canary", 3), phase("canary", 4)]
    predictions.append([answer(name) for name in "abcdef"])
    found = follow(tmp_path, *phases)
    found.read()
    assert [each.old.n for each in found.phases] == [2, 1, 2]


def test_a_copy_that_comes_late_counts_where_its_answer_does(
    tmp_path: Path, predictions: Journal
) -> None:
    predictions.append([answer("a"), answer("b"), copy("a"), copy("b", score=None)])
    found = follow(tmp_path, phase("shadow", 0), phase("canary", 2))
    found.read()
    assert counts(found.phases[0].new) == (2, 1)
    assert found.phases[0].pairs.shift.n == 1
    assert counts(found.phases[1].new) == (0, 0)


def test_labels_count_where_their_answers_do_once_and_the_first_wins(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    predictions.append([answer("a"), copy("a", score=0.9), answer("b", "v2", 0.25)])
    found = follow(tmp_path, phase("shadow", 0), phase("canary", 2))
    found.read()
    feedback.append([label("a", 1), label("a", 0), label("b", 1.0), label("unknown", 1)])
    found.read()
    first, second = found.phases
    assert (first.old.losses.n, first.pairs.losses.n, second.new.losses.n) == (1, 1, 1)
    assert first.pairs.losses.mean == pytest.approx(0.1**2 - 0.5**2)
    assert second.new.losses.mean == pytest.approx(0.75**2)


@pytest.mark.parametrize("value", [None, "late"])
def test_a_label_that_is_no_number_changes_nothing(
    tmp_path: Path, predictions: Journal, feedback: Journal, value: Any
) -> None:
    predictions.append([answer("a")])
    feedback.append([label("a", value), {"model": "m"}])
    found = follow(tmp_path)
    found.read()
    assert found.now.old.losses.n == 0


def test_regression_loses_by_the_distance(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    predictions.append([answer("a", score=12.0)])
    feedback.append([label("a", 9.5)])
    found = follow(tmp_path, is_probability=False)
    found.read()
    assert found.now.old.losses.mean == 2.5


def test_after_promotion_the_old_version_is_the_copy(tmp_path: Path, predictions: Journal) -> None:
    predictions.append([answer("a", "v2", 0.9), copy("a", 0.4, "v1")])
    found = follow(tmp_path, phase("promoted", 0))
    found.read()
    assert found.now.pairs.shift.mean == pytest.approx(0.5)
    assert (found.now.old.n, found.now.new.n) == (1, 1)


def test_memory_is_bounded_and_what_is_let_go_is_counted(
    tmp_path: Path, predictions: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaited, "MOST_WAITING", 3)
    monkeypatch.setattr(seen, "MOST_PAIRS", 2)
    for name in "abcdef":
        predictions.append([answer(name), copy(name)])
    found = follow(tmp_path)
    found.read()
    assert found.n_let_go == 3
    assert len(found.now.pairs.old) == len(found.now.pairs.new) == 2
    assert found.now.pairs.shift.n == 6


def test_read_bit_by_bit_or_at_once_it_is_the_same(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    following = follow(tmp_path)
    for place in range(80):
        name = str(place)
        predictions.append([answer(name, score=place / 80), copy(name, score=0.5)])
        if place % 3 == 0:
            feedback.append([label(name, place % 2)])
        if place % 7 == 0:
            following.read()
        if place == 60:
            following.begin(following.seen_seq)
            boundary = following.seen_seq
    following.read()
    again = follow(tmp_path, phase("shadow", 0), phase("canary", boundary))
    again.read()
    assert again.phases == following.phases
    assert len(again.cuts) == 9
    assert again.phases[1].pairs.shape.n == 23
