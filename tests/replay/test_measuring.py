"""Quality of answers, and where a policy lies beside a frontier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.judge.judged import Value
from perennial.measure.classification import log_loss, roc_auc
from perennial.replay.policies.measuring import (
    Answers,
    Point,
    beside,
    by_month,
    measure,
    mixture,
    place_of,
)

DAYS = [date(2024, 1, 20) + timedelta(days=n) for n in range(30)]
RANDOM = np.random.default_rng(3)
LABELS = (RANDOM.random(30 * 40) < 0.4).astype(float)


@pytest.fixture
def model(make_project: Callable[..., Project]) -> Model:
    return make_project(n_days=0, judge={
        "primary": "log_loss", "metrics": ["log_loss"], "resamples": 200,
        "baselines": [{"kind": "yesterday"}],
    }).model("ripeness")  # fmt: skip


def answers(sure: float, seed: int = 1) -> Answers:
    """Answers that lean to the truth by `sure`, with noise of their own."""
    noise = np.random.default_rng(seed).normal(scale=0.05, size=LABELS.size)
    return Answers(
        LABELS, np.clip(0.5 + sure * (LABELS - 0.5) + noise, 0.01, 0.99), DAYS, [40] * 30
    )


def test_total_and_months_are_those_of_their_rows(model: Model) -> None:
    given = answers(0.4)
    total = measure(model, given)
    assert total["log_loss"].estimate == pytest.approx(log_loss(given.labels, given.scores))
    assert total["roc_auc"].estimate == pytest.approx(roc_auc(given.labels, given.scores))
    assert total["log_loss"].low is not None
    january, february = by_month(model, given)
    assert (january.month, january.n_rows, february.month, february.n_rows) == (
        "2024-01", 480, "2024-02", 720,
    )  # fmt: skip
    expected = log_loss(given.labels[:480], given.scores[:480])
    assert january.metrics["log_loss"].estimate == pytest.approx(expected)


def test_no_rows_give_no_numbers(model: Model) -> None:
    nothing = Answers(np.empty(0), np.empty(0), DAYS, [0] * 30)
    assert measure(model, nothing)["log_loss"] == Value(estimate=None, low=None, high=None)
    assert by_month(model, nothing) == ()


def test_the_frontier_between_two_is_weighed_by_the_logarithm() -> None:
    family = {1: ["never"], 11: ["thirty"], 44: ["seven"]}
    found = mixture(family, 22)
    assert found == pytest.approx({"thirty": 0.5, "seven": 0.5})
    assert mixture(family, 11) == {"thirty": 1.0}
    assert mixture(family, 100) == {"seven": 1.0}
    assert mixture({}, 3) == {}


def test_better_worse_and_neither(model: Model) -> None:
    family = [Point("never", 1, answers(0.2)), Point("often", 16, answers(0.4))]
    for sure, place in ((0.6, "above"), (0.0, "below")):
        found = beside(model, Point("tried", 4, answers(sure, 2)), family, "calendar")
        assert found is not None
        assert (found.place, found.between) == (place, ("never", "often"))
    same = beside(model, Point("tried", 16, answers(0.4, 5)), family, "random")
    assert same is not None
    assert (same.place, same.family) == ("on", "random")
    assert beside(model, Point("tried", 4, answers(0.4)), [], "calendar") is None


def test_where_higher_is_better_the_sign_turns() -> None:
    higher = Value(estimate=0.02, low=0.01, high=0.03)
    assert (place_of(higher, 1), place_of(higher, -1)) == ("above", "below")
    assert place_of(Value(estimate=0.02, low=None, high=None), 1) == "on"
