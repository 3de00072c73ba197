from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from perennial.declare.model import Task
from perennial.errors import DeclarationError, NotEnoughEvidenceError
from perennial.learn.contract import Evidence
from perennial.learn.held_out import held_out
from perennial.learn.losses import before_and_after
from perennial.learn.network.fitting import fit

from .evidence import declared, evidence

TASKS: tuple[Task, ...] = ("binary", "regression")


@pytest.mark.parametrize("task", TASKS)
def test_twice_gives_the_same_bytes_and_it_learns(task: Task) -> None:
    given = evidence(task)
    one, other = (fit(given, task, declared(), lambda n: None) for _ in range(2))
    assert one.learner.save() == other.learner.save()
    spread = given.labels.std()
    bound = 0.55 if task == "binary" else 0.8 * spread
    assert one.validation_loss < bound
    assert one.curve.metric == ("log_loss" if task == "binary" else "rmse")
    shares = one.learner.importance()
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["x"] > shares["noise"]


@pytest.mark.parametrize("task", TASKS)
def test_the_curve_is_in_the_unit_of_its_metric(task: Task) -> None:
    """An independent computation of the held-out loss, from the answers of the learner itself."""
    given = evidence(task)
    fitted = fit(given, task, declared({"refit": False}), lambda n: None)
    is_late = held_out(given.days, 3)
    late = Evidence(given.rows.filter(pa.array(is_late)), given.labels[is_late], given.days)
    again = before_and_after(fitted.learner, fitted.learner, late, late)
    assert fitted.validation_loss == pytest.approx(again.validation[0], rel=1e-4)


def test_refit_learns_from_the_held_out_days_too() -> None:
    with_all = fit(evidence(), "binary", declared(), lambda n: None)
    without = fit(evidence(), "binary", declared({"refit": False}), lambda n: None)
    assert with_all.n_rounds == without.n_rounds
    assert with_all.learner.save() != without.learner.save()


def test_stopping_bounds_epochs_and_patience_only_where_it_is_tighter() -> None:
    short = fit(evidence(), "binary", declared({"max_rounds": 2}), lambda n: None)
    assert len(short.curve.validation) == 2
    as_for_trees = {"rounds": 50, "max_rounds": 1500}
    usual = fit(evidence(), "binary", declared(as_for_trees), lambda n: None)
    assert len(usual.curve.validation) == 6


def test_poisoned_late_labels_stop_it_at_once() -> None:
    given = evidence()
    turned = np.where(held_out(given.days, 3), 1 - given.labels, given.labels)
    poisoned = Evidence(given.rows, turned, given.days)
    fitted = fit(poisoned, "binary", declared({"rounds": 2}, epochs=20), lambda n: None)
    assert fitted.is_stopped_early
    assert fitted.n_rounds <= 2


def test_one_class_is_not_enough_evidence() -> None:
    given = evidence()
    for labels, where in (
        (np.ones_like(given.labels), "labels of the days learned from are 1"),
        (np.where(held_out(given.days, 3), 0.0, given.labels), "the last 3 days are 0"),
    ):
        with pytest.raises(NotEnoughEvidenceError, match=where):
            fit(Evidence(given.rows, labels, given.days), "binary", declared(), lambda n: None)
    with pytest.raises(NotEnoughEvidenceError, match="nothing is left to learn from"):
        fit(given, "binary", declared({"days": 10}), lambda n: None)


def test_a_learning_rate_that_is_far_too_high_is_told() -> None:
    with pytest.raises(DeclarationError, match=r"train\.parameters\.learning_rate"):
        fit(evidence(), "binary", declared(learning_rate=1e30), lambda n: None)


@pytest.mark.parametrize("task", TASKS)
def test_constants_and_columns_of_nothing_do_not_disturb(task: Task) -> None:
    given = evidence(task)
    n = len(given.labels)
    rows = pa.table(
        {
            "x": given.rows["x"],
            "constant": np.full(n, 3.5),
            "far": np.where(np.arange(n) == 5, 1e300, 0.0),
            "infinite": np.where(np.arange(n) % 7 == 0, np.inf, -np.inf),
            "nothing": pa.nulls(n, pa.float64()),
            "nobody": pa.nulls(n, pa.string()),
            "same": ["always"] * n,
        }
    )
    fitted = fit(Evidence(rows, given.labels, given.days), task, declared(), lambda n: None)
    row = dict.fromkeys(rows.column_names)
    strange = {**row, "constant": -1e308, "far": float("-inf"), "same": "new", "nobody": "I"}
    answers = fitted.learner.predict([row, strange])
    assert np.isfinite(answers).all()
    assert np.isfinite(fitted.learner.explain([row, strange]).contributions).all()


def test_the_threads_of_the_process_leave_no_mark() -> None:
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(fit(evidence(), "binary", declared(epochs=2), lambda n: None).learner)
    finally:
        torch.set_num_threads(before)
    assert found[0].save() == found[1].save()


def test_numbers_alone_and_categories_alone_are_enough() -> None:
    given = evidence()
    for names in (["x"], ["letter"]):
        part = Evidence(given.rows.select(names), given.labels, given.days)
        fitted = fit(part, "binary", declared(epochs=2), lambda n: None)
        assert fitted.learner.importance() == {names[0]: 1.0}


def test_constant_numbers_as_labels_are_learned() -> None:
    given = evidence("regression")
    flat = Evidence(given.rows, np.full(len(given.labels), 42.0), given.days)
    fitted = fit(flat, "regression", declared(), lambda n: None)
    np.testing.assert_allclose(fitted.learner.predict(given.rows), 42.0, atol=0.5)
