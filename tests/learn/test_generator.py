"""Made-up rows: distributed as the real ones, together and one by one, and none of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from perennial.declare.train import Train
from perennial.errors import NotEnoughEvidenceError
from perennial.learn import generative_replay
from perennial.learn.contract import Evidence, Start
from perennial.learn.evidence_rows import plain_table
from perennial.learn.generator import Generator

NOBODY: Any = None


def evidence(n: int = 4000, seed: int = 1, shift: float = 0.0) -> Evidence:
    random = np.random.default_rng(seed)
    x = random.normal(size=n) + shift
    y = 0.8 * x + 0.6 * random.normal(size=n)
    letter = np.where(x > 1, "high", np.where(random.random(n) < 0.3, "b", "a"))
    hole = np.where(random.random(n) < 0.2, np.nan, random.exponential(size=n))
    rows = pa.table(
        {
            "x": x, "y": y, "letter": letter.tolist(), "hole": pa.array(hole, from_pandas=True),
            "count": random.poisson(3, size=n), "nothing": pa.nulls(n, pa.float64()),
            "always": np.ones(n),
        }
    )  # fmt: skip
    days = np.full(n, np.datetime64("2024-01-01"))
    return Evidence(rows, (x > 0).astype(float), days)


def fitted(given: Evidence) -> Generator:
    return Generator.fit(plain_table(given), n_quantiles=51, n_rows=4000, seed=7)


def test_each_column_is_distributed_as_it_was() -> None:
    given = evidence()
    made = Generator.load(fitted(given).save()).sample(4000, seed=3)
    for name in ("x", "y", "count"):
        real = given.rows[name].to_numpy()
        assert stats.ks_2samp(real, made[name].to_numpy()).statistic < 0.05
    for value in ("a", "b", "high"):
        shares = [
            np.mean([each == value for each in rows["letter"].to_pylist()])
            for rows in (given.rows, made)
        ]
        assert shares[0] == pytest.approx(shares[1], abs=0.03)
    assert made["hole"].null_count / 4000 == pytest.approx(0.2, abs=0.03)
    assert made["nothing"].null_count == 4000
    assert set(made["always"].to_pylist()) == {1.0}
    assert all(each == round(each) for each in made["count"].to_pylist())


def test_columns_go_together_as_they_did() -> None:
    given = evidence()
    made = fitted(given).sample(4000, seed=3)
    real, fake = (
        stats.spearmanr(rows["x"].to_numpy(), rows["y"].to_numpy()).statistic
        for rows in (given.rows, made)
    )
    assert fake == pytest.approx(real, abs=0.06)


def test_no_extreme_is_kept_and_no_row_comes_back() -> None:
    given = evidence(500)
    made = fitted(given).sample(2000, seed=3)
    real = set(given.rows["y"].to_pylist())
    assert max(made["y"].to_pylist()) < max(real)
    assert not real & set(made["y"].to_pylist())


def test_the_same_seed_makes_the_same_rows() -> None:
    made = fitted(evidence())
    assert made.save() == fitted(evidence()).save()
    assert made.sample(10, seed=3) == made.sample(10, seed=3) != made.sample(10, seed=4)


def test_what_was_learned_long_ago_weighs_as_much_as_it_had_rows() -> None:
    declared = Train.model_validate({"update": {"generative_replay": {"rows": 3000}}})
    state = generative_replay.remember(NOBODY, evidence(3000), declared, {})
    state = generative_replay.remember(NOBODY, evidence(1000, seed=2, shift=10), declared, state)
    both = Generator.load(state)
    assert both.n_rows == 4000
    share = np.mean(both.sample(4000, seed=5)["x"].to_numpy() > 5)
    assert share == pytest.approx(0.25, abs=0.03)


class Teacher:
    """Says yes to all above zero."""

    task = "binary"

    def predict(self, rows: Any) -> Any:
        return (rows["x"].to_numpy() > 0).astype(float)


def test_made_up_rows_carry_the_champion_s_answers() -> None:
    declared = Train.model_validate({"update": {"generative_replay": {"share": 0.75}}})
    given = evidence(400)
    state = generative_replay.remember(NOBODY, given, declared, {})
    teacher: Any = Teacher()
    both = generative_replay.with_past(Start(teacher, state), given, declared)
    assert both.labels.size == 1600
    np.testing.assert_array_equal(both.labels, both.rows["x"].to_numpy() > 0)


def test_without_a_generator_it_says_what_to_do() -> None:
    with pytest.raises(NotEnoughEvidenceError, match=r"needs the generator.*retrain first"):
        generative_replay.with_past(Start(NOBODY), evidence(10), Train())
