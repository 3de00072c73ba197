"""Forgetting is told over all, by slice and by season, and each of them is a gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import Evidence
from perennial.train.forgetting import drawn_days, forgotten, forgotten_by, season_of
from perennial.train.trained import Tried
from perennial.train.updating import Attempt, choose, forgets

DAYS = np.arange("2024-01-01", "2024-03-11", dtype="datetime64[D]")  # ten whole weeks


class Answers:
    """A learner whose answers are told beforehand."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers

    def predict(self, rows: Any) -> Any:
        return self.answers


@pytest.fixture
def model(make_project: Any) -> Any:
    update = {"max_forgetting": 0.05, "max_part_forgetting": 0.2}
    declared = make_project(n_days=0, train={"update": update}).model("ripeness")
    return declared.model_copy(
        update={"judge": declared.judge.model_copy(update={"slices": ("colour",)})}
    )


def older(n_of_a_day: int = 60) -> Evidence:
    days = np.repeat(DAYS, n_of_a_day)
    colours = np.tile(["red", "green", "blue"], days.size // 3)
    return Evidence(pa.table({"colour": colours.tolist()}), np.arange(days.size) % 2.0, days)


def right(rows: Evidence) -> Any:
    return np.where(rows.labels == 1, 0.9, 0.1)


def test_what_got_worse_on_one_slice_or_season_is_seen_there(model: Any) -> None:
    rows = older()
    is_red = np.array(rows.rows["colour"].to_pylist()) == "red"
    is_sunday = season_of(rows.days, "weekday") == 6
    good = right(rows)
    for is_broken, name in ((is_red, "colour=red"), (is_sunday, "weekday=Sun")):
        broken: Any = Answers(np.where(is_broken, 1 - good, good))
        champion: Any = Answers(good)
        found = forgotten_by(model, rows, champion, broken)
        assert max(found, key=lambda each: found[each]) == name
        assert found[name] == pytest.approx(1.0)  # of roc_auc: from 1 to 0
        assert found[name] > forgotten(model, rows, champion, broken) > 0
        assert set(found) == {
            *(f"weekday={day}" for day in ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
            "colour=red", "colour=green", "colour=blue",
        }  # fmt: skip


def test_a_part_with_few_rows_or_one_class_tells_nothing(model: Any) -> None:
    few = older(n_of_a_day=6)  # sixty of each weekday
    answers: Any = Answers(right(few))
    assert forgotten_by(model, few, answers, answers) == {}
    one = Evidence(older().rows, np.ones(DAYS.size * 60), older().days)
    answers = Answers(right(one))
    assert forgotten_by(model, one, answers, answers) == {}


def tried(over_all: float, **by: float) -> Tried:
    return Tried(
        way="extend", metric="roc_auc", held_out=0.8, champion=0.7, forgetting=over_all,
        forgetting_by={name.replace("_", "="): worse for name, worse in by.items()}, n_rounds=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (tried(0.05, colour_red=0.2), ""),
        (tried(0.051), "0.051 of at most 0.05"),
        (tried(0.0, colour_red=0.21, weekday_Sun=0.3), "0.3 of at most 0.2 where weekday=Sun"),
        (tried(float("nan")), "nan of at most 0.05"),
        (tried(0.0, colour_red=float("nan")), "nan of at most 0.2 where colour=red"),
    ],
)
def test_more_than_its_bound_is_forgetting_and_so_is_what_cannot_be_told(
    model: Any, found: Tried, told: str
) -> None:
    assert forgets(model, found) == told
    attempts = [Attempt(fitted=None, tried=found)]  # type: ignore[arg-type]
    if told:
        with pytest.raises(NotEnoughEvidenceError, match="forgets too much of roc_auc"):
            choose(model, attempts)
    else:
        assert choose(model, attempts) is attempts[0]


def test_older_days_come_from_every_season_alike() -> None:
    for n in (7, 14, 21):
        counts = np.bincount(season_of(drawn_days(DAYS, "weekday", n, seed=3), "weekday"))
        assert counts.tolist() == [n // 7] * 7
    assert season_of(np.array(["2024-01-01", "2024-12-31"], "datetime64[D]"), "month").tolist() == [
        0, 11,
    ]  # fmt: skip
    assert drawn_days(DAYS, "weekday", 500, seed=3).size == DAYS.size
