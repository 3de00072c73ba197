"""Recalibration: the level moves, the ranking stays, reasons still add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import log_loss, roc_auc_score
from tests.learn.test_lightgbm_updating import TASKS, champion, evidence

from perennial.declare.model import Task
from perennial.errors import NotEnoughEvidenceError
from perennial.learn import version_files
from perennial.learn.contract import Evidence
from perennial.learn.loading import load_model
from perennial.learn.recalibrated import Recalibrated
from perennial.learn.recalibrating import logistic_line, recalibrate, straight_line


def test_a_shifted_level_is_mended_and_the_ranking_stays() -> None:
    base, recent = champion(), evidence("binary", seed=4, shift=1, n=4000)
    again = evidence("binary", seed=5, shift=1, n=4000)
    mended = recalibrate(base, recent)
    was, now = base.predict(again.rows), mended.predict(again.rows)
    assert abs(was.mean() - again.labels.mean()) > 0.1
    assert abs(now.mean() - again.labels.mean()) < 0.02
    assert log_loss(again.labels, now) < log_loss(again.labels, was) - 0.03
    assert roc_auc_score(again.labels, now) == roc_auc_score(again.labels, was)
    np.testing.assert_array_equal(np.argsort(now, kind="stable"), np.argsort(was, kind="stable"))


def test_a_shifted_and_stretched_regression_is_mended() -> None:
    base, recent = champion("regression"), evidence("regression", seed=4)
    stretched = Evidence(recent.rows, 3 * recent.labels + 5, recent.days)
    mended = recalibrate(base, stretched)
    errors = mended.predict(recent.rows) - stretched.labels
    assert abs(errors.mean()) < 1e-9
    assert np.abs(errors).mean() < np.abs(base.predict(recent.rows) - stretched.labels).mean() / 5


@pytest.mark.parametrize("task", TASKS)
def test_saved_and_loaded_answers_and_explains_alike(task: Task, tmp_path: Path) -> None:
    mended = recalibrate(champion(task), evidence(task, seed=4, shift=1))
    digest = version_files.write(tmp_path / "v", mended.save(), {})
    again = load_model(tmp_path / "v")
    rows = evidence(task, seed=6).rows
    assert isinstance(again, Recalibrated)
    assert (again.task, again.features, again.family) == (task, mended.features, "lightgbm")
    np.testing.assert_array_equal(again.predict(rows), mended.predict(rows))
    one, other = again.explain(rows), mended.explain(rows)
    np.testing.assert_array_equal(one.contributions, other.contributions)
    assert again.importance() == champion(task).importance()
    assert digest == version_files.digest_of(again.save())
    assert digest != version_files.digest_of(champion(task).save())


@pytest.mark.parametrize("task", TASKS)
def test_base_and_contributions_sum_to_the_answer_s_raw_score(task: Task) -> None:
    mended = recalibrate(champion(task), evidence(task, seed=4, shift=1))
    rows = evidence(task, seed=6).rows
    explained = mended.explain(rows)
    total = explained.base + explained.contributions.sum(axis=1)
    np.testing.assert_allclose(total, mended.raw_scores(rows), atol=1e-9)
    scores = 1 / (1 + np.exp(-total)) if task == "binary" else total
    np.testing.assert_allclose(scores, mended.predict(rows), atol=1e-9)


def test_a_row_alone_is_answered_as_in_a_batch() -> None:
    mended = recalibrate(champion(), evidence("binary", seed=4, shift=1))
    rows = evidence("binary", 6).rows
    together = mended.predict(rows)
    alone = np.concatenate([mended.predict([row]) for row in rows.slice(0, 50).to_pylist()])
    np.testing.assert_array_equal(alone, together[:50])
    assert mended.predict([]).shape == (0,)


def test_a_second_recalibration_replaces_the_first() -> None:
    base, recent = champion(), evidence("binary", seed=4, shift=1)
    once = recalibrate(base, recent)
    twice = recalibrate(Recalibrated(base, 3.0, 0.2), recent)
    assert twice.save() == once.save()


def test_a_ranking_upside_down_is_not_mended_but_told() -> None:
    recent = evidence("binary", seed=4)
    turned = Evidence(recent.rows, 1 - recent.labels, recent.days)
    with pytest.raises(NotEnoughEvidenceError, match="retrain instead"):
        recalibrate(champion(), turned)


@pytest.mark.parametrize(
    ("intercept", "slope"), [(0, 0), (0, -1), (float("nan"), 1), (0, float("inf"))]
)
def test_no_line_that_falls_or_is_no_number(intercept: float, slope: float) -> None:
    with pytest.raises(ValueError, match="slope above 0"):
        Recalibrated(champion(), intercept, slope)


def test_the_logistic_line_is_the_minimum_that_scipy_finds() -> None:
    random = np.random.default_rng(0)
    raw = random.normal(size=500)
    labels = (random.random(500) < 1 / (1 + np.exp(-(0.5 + 2 * raw)))).astype(float)

    def loss(line: np.ndarray) -> float:
        z = line[0] + line[1] * raw
        prior = (line[0] ** 2 + (line[1] - 1) ** 2) / 2
        return float(np.sum(np.logaddexp(0, z) - labels * z) + prior)

    found = minimize(loss, [0.0, 1.0], tol=1e-12)
    np.testing.assert_allclose(logistic_line(raw, labels), found.x, atol=1e-4)


@pytest.mark.parametrize("labels", [np.zeros(50), np.ones(50), (np.arange(50) > 25).astype(float)])
def test_one_class_or_a_perfect_ranking_give_finite_numbers(labels: np.ndarray) -> None:
    intercept, slope = logistic_line(np.linspace(-3, 3, 50), labels)
    assert np.isfinite([intercept, slope]).all()
    assert slope > 0


def test_huge_raw_scores_converge() -> None:
    raw = np.linspace(-800, 800, 201)
    intercept, slope = logistic_line(raw, (raw > 10).astype(float))
    assert np.isfinite([intercept, slope]).all()


def test_equal_scores_move_the_level_only() -> None:
    assert straight_line(np.full(4, 2.0), np.array([1.0, 2.0, 3.0, 6.0])) == (1.0, 1.0)
