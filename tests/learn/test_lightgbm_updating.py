"""Going on from a champion: what stays, what moves, and that twice is the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.learn.contract import Evidence, Start, Way
from perennial.learn.lightgbm_fitting import fit
from perennial.learn.lightgbm_learner import LightGBMLearner
from perennial.learn.lightgbm_updating import plain
from perennial.learn.loading import ways_of
from perennial.learn.recalibrated import Recalibrated

TASKS: tuple[Task, ...] = ("binary", "regression")
REFIT, EXTEND = (ways_of("lightgbm")[name] for name in ("refit", "extend"))
WAYS: tuple[Way, ...] = (REFIT, EXTEND)


def declared(**update: Any) -> Train:
    return Train.model_validate(
        {
            "parameters": {"num_leaves": 7, "min_data_in_leaf": 5, "learning_rate": 0.2},
            "stopping": {"days": 3, "rounds": 5, "max_rounds": 40},
            "update": {"max_rounds": 30, **update},
        }
    )


def evidence(
    task: Task, seed: int = 3, shift: float = 0.0, letters: str = "abc", n: int = 1000
) -> Evidence:
    random = np.random.default_rng(seed)
    x, letter = random.normal(size=n), random.choice(list(letters), size=n)
    score = x + (letter == "a") + shift + random.normal(scale=0.5, size=n)
    labels = (score > 0).astype(float) if task == "binary" else 10 + score
    days = np.datetime64("2024-01-01") + np.sort(random.integers(10, size=n))
    rows = pa.table({"x": x, "letter": letter, "noise": random.normal(size=n)})
    return Evidence(rows, labels, days.astype("datetime64[D]"))


def champion(task: Task = "binary") -> LightGBMLearner:
    learner = fit(evidence(task), task, declared(), lambda n: None).learner
    assert isinstance(learner, LightGBMLearner)
    return learner


def loss(learner: Any, given: Evidence) -> float:
    return float(np.mean((learner.predict(given.rows) - given.labels) ** 2))


def trees(learner: Any, part: str) -> list[str]:
    text = learner.save()["model.txt"].decode()
    return [line for line in text.splitlines() if line.startswith(f"{part}=")]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("way", WAYS)
def test_twice_from_the_same_champion_gives_the_same_bytes(task: Task, way: Way) -> None:
    base, recent = champion(task), evidence(task, seed=4, shift=1)
    later = evidence(task, seed=5, shift=1)
    first, second = (
        way.go_on(Start(base), recent, declared(), lambda n: None, later) for _ in range(2)
    )
    assert first.learner.save() == second.learner.save()
    assert first.curve == second.curve


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("way", WAYS)
def test_it_gets_better_on_a_shifted_stream_and_does_not_touch_the_champion(
    task: Task, way: Way
) -> None:
    base, recent = champion(task), evidence(task, seed=4, shift=1)
    before = base.save()
    later = evidence(task, seed=5, shift=1)
    updated = way.go_on(Start(base), recent, declared(), lambda n: None, later)
    assert loss(updated.learner, later) < loss(base, later)
    assert base.save() == before
    assert updated.validation_loss == min(updated.curve.validation)


def test_refit_moves_leaves_and_no_split() -> None:
    base = champion()
    moved = REFIT.go_on(
        Start(base), evidence("binary", seed=4, shift=1), declared(), lambda n: None
    ).learner
    for part in ("split_feature", "threshold", "decision_type"):
        assert trees(moved, part) == trees(base, part)
    assert trees(moved, "leaf_value") != trees(base, "leaf_value")


@pytest.mark.parametrize("task", TASKS)
def test_refit_that_keeps_everything_changes_no_answer(task: Task) -> None:
    base, recent = champion(task), evidence(task, seed=4, shift=1)
    kept = REFIT.go_on(Start(base), recent, declared(decay=1.0), lambda n: None).learner
    np.testing.assert_allclose(kept.predict(recent.rows), base.predict(recent.rows), atol=1e-12)


def test_added_trees_leave_the_old_ones_as_they_are() -> None:
    base, later = champion(), evidence("binary", seed=5, shift=1)
    recent = evidence("binary", seed=4, shift=1)
    trial = EXTEND.go_on(Start(base), recent, declared(), lambda n: None, later)
    n_old = len(trees(base, "leaf_value"))
    again = EXTEND.go_on(Start(base), recent, declared(), lambda n: None, n_rounds=trial.n_rounds)
    for each in (trial, again):
        assert each.n_rounds == trial.n_rounds > n_old
        assert trees(each.learner, "leaf_value")[:n_old] == trees(base, "leaf_value")
        assert len(trees(each.learner, "leaf_value")) == trial.n_rounds


def test_added_trees_stop_where_later_rows_say() -> None:
    base, recent = champion(), evidence("binary", seed=4)
    turned = evidence("binary", seed=5)
    turned = Evidence(turned.rows, 1 - turned.labels, turned.days)
    recent_turned = Evidence(recent.rows, 1 - recent.labels, recent.days)
    n_old = len(trees(base, "leaf_value"))
    useless = EXTEND.go_on(Start(base), recent, declared(), lambda n: None, turned)
    useful = EXTEND.go_on(Start(base), recent_turned, declared(), lambda n: None, turned)
    assert useless.n_rounds == n_old + 1
    assert useful.n_rounds > n_old + 10
    assert useless.is_stopped_early


@pytest.mark.parametrize("way", WAYS)
def test_categories_keep_the_champion_s_codes(way: Way) -> None:
    base = champion()
    recent = evidence("binary", seed=4, letters="cdz")  # a and b are gone, d and z are new
    updated = way.go_on(
        Start(base), recent, declared(), lambda n: None, evidence("binary", 5, letters="cdz")
    )
    assert updated.learner.save()["features.json"] == base.save()["features.json"]
    rows = [{"x": 0.0, "letter": each, "noise": 0.0} for each in ("a", "b", "d", "z")]
    answers = updated.learner.predict(rows)
    assert answers[0] > answers[1]  # what was learned of a and b is not forgotten
    assert answers[2] == answers[3]  # what the champion does not know is missing, one like another


@pytest.mark.parametrize("task", TASKS)
def test_base_and_contributions_still_sum_to_the_raw_score(task: Task) -> None:
    recent = evidence(task, seed=4, shift=1)
    for way in ways_of("lightgbm").values():
        base, before = champion(task), evidence(task)
        kept = way.remember(base, before, declared(), {}) if way.remember else {}
        start = Start(base, kept)
        learner = way.go_on(start, recent, declared(), lambda n: None, recent).learner
        assert isinstance(learner, LightGBMLearner)
        explained = learner.explain(recent.rows)
        total = explained.base + explained.contributions.sum(axis=1)
        np.testing.assert_allclose(total, learner.raw_scores(recent.rows), atol=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_a_recalibration_becomes_part_of_the_leaves(task: Task) -> None:
    given = Recalibrated(champion(task), intercept=-0.7, slope=1.3)
    rows = evidence(task, seed=6).rows
    folded = plain(given)
    np.testing.assert_allclose(folded.predict(rows), given.predict(rows), atol=1e-12)
    explained, wanted = folded.explain(rows), given.explain(rows)
    np.testing.assert_allclose(explained.contributions, wanted.contributions, atol=1e-9)
    np.testing.assert_allclose(explained.base, wanted.base, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_a_recalibrated_champion_goes_on_from_where_its_answers_are(way: Way) -> None:
    base = Recalibrated(champion(), intercept=2.0, slope=1.0)
    recent = evidence("binary", seed=4, shift=1)
    updated = way.go_on(Start(base), recent, declared(), lambda n: None, recent)
    assert isinstance(updated.learner, LightGBMLearner)
    near = np.abs(updated.learner.predict(recent.rows) - base.predict(recent.rows)).mean()
    far = np.abs(updated.learner.predict(recent.rows) - base.base.predict(recent.rows)).mean()
    assert near < far
