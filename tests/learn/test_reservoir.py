"""The reservoir: every row equally likely, each kept once, and clear words where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from perennial.declare.train import Train
from perennial.errors import IntegrityError, NotEnoughEvidenceError
from perennial.learn import reservoir
from perennial.learn.contract import Evidence
from perennial.learn.evidence_rows import evidence_of, keys, plain_table, together

NOBODY: Any = None
"""The learner: a reservoir does not ask it."""


def declared(rows: int = 100, share: float = 0.5, seed: int = 7) -> Train:
    return Train.model_validate(
        {"seed": seed, "update": {"rehearsal": {"rows": rows, "share": share}}}
    )


def evidence(first: int, n: int, per_day: int = 10) -> Evidence:
    """Rows numbered from `first` on, so that each can be told from the others."""
    number = np.arange(first, first + n)
    days = np.datetime64("2024-01-01", "D") + number // per_day
    rows = pa.table({"number": number, "letter": [chr(97 + each % 3) for each in number]})
    return Evidence(rows, (number % 2).astype(float), days)


def numbers(state: dict[str, bytes]) -> list[int]:
    return sorted(int(each) for each in reservoir.read(state)["number"].to_pylist())


def test_every_row_is_equally_likely_to_be_kept_however_late_it_came() -> None:
    counts = np.zeros(300)
    for seed in range(200):
        state: dict[str, bytes] = {}
        for first in (0, 100, 200):
            state = reservoir.remember(NOBODY, evidence(first, 100), declared(seed=seed), state)
        counts[numbers(state)] += 1
    assert counts.sum() == 200 * 100
    # A hypergeometric count per row: variance np(1-p); chi-squared over the 300 rows.
    expected = 200 / 3
    statistic = float(((counts - expected) ** 2 / (expected * (1 - 1 / 3))).sum())
    assert stats.chi2.sf(statistic, 299) > 1e-3
    by_batch = counts.reshape(3, 100).sum(axis=1)
    assert stats.chisquare(by_batch).pvalue > 1e-3


def test_what_is_met_twice_is_kept_once_and_the_order_does_not_matter() -> None:
    first, second = evidence(0, 80), evidence(80, 80)
    once = reservoir.remember(
        NOBODY, second, declared(), reservoir.remember(NOBODY, first, declared(), {})
    )
    again = reservoir.remember(NOBODY, second, declared(), once)
    other = reservoir.remember(
        NOBODY, first, declared(), reservoir.remember(NOBODY, second, declared(), {})
    )
    at_once = reservoir.remember(NOBODY, together(first, second), declared(), {})
    assert once == again
    assert numbers(once) == numbers(other) == numbers(at_once)
    assert len(numbers(once)) == 100


def test_rows_that_are_alike_are_as_many_as_they_are() -> None:
    rows = Evidence(
        pa.table({"x": [1.0] * 40}), np.ones(40), np.full(40, np.datetime64("2024-01-01"))
    )
    assert reservoir.read(reservoir.remember(NOBODY, rows, declared(), {})).num_rows == 40
    assert len(set(keys(plain_table(rows), 7).tolist())) == 40


def test_a_row_keeps_its_number_whatever_stands_beside_it() -> None:
    alone, among = plain_table(evidence(5, 1)), plain_table(evidence(0, 10))
    assert keys(alone, 7)[0] == keys(among, 7)[5]
    assert keys(alone, 8)[0] != keys(alone, 7)[0]


@pytest.mark.parametrize(
    ("n_kept", "share", "expected"), [(100, 0.5, 60), (100, 0.25, 20), (10, 0.5, 60)]
)
def test_kept_rows_make_the_declared_share_of_what_is_learned(
    n_kept: int, share: float, expected: int
) -> None:
    given = declared(rows=100, share=share)
    state = reservoir.remember(NOBODY, evidence(0, n_kept), given, {})
    both = reservoir.with_past(evidence(1000, 60), given, state)
    old = [each for each in both.rows["number"].to_pylist() if each < 1000]
    assert (len(old), both.labels.size) == (expected, expected + 60)
    assert max(old.count(each) for each in old) <= expected // n_kept + 1
    assert (np.diff(both.days.astype(int)) >= 0).all()


def test_rows_come_back_as_they_were() -> None:
    given = evidence(0, 30)
    kept = evidence_of(reservoir.read(reservoir.remember(NOBODY, given, declared(), {})))
    order = np.argsort(kept.rows["number"].to_numpy())
    assert kept.rows["letter"].take(order).to_pylist() == given.rows["letter"].to_pylist()
    np.testing.assert_array_equal(kept.labels[order], given.labels)
    np.testing.assert_array_equal(kept.days[order], given.days)


def test_without_a_reservoir_it_says_what_to_do() -> None:
    with pytest.raises(NotEnoughEvidenceError, match=r"needs the reservoir.*retrain first"):
        reservoir.with_past(evidence(0, 10), declared(), {})


def test_a_broken_reservoir_is_named() -> None:
    with pytest.raises(IntegrityError, match=r"reservoir\.parquet cannot be read"):
        reservoir.with_past(evidence(0, 10), declared(), {reservoir.FILE: b"PAR1"})
