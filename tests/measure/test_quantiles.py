"""Bounds of quantiles: exact for any distribution, at all looks, in fixed memory."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from perennial.measure.quantiles import (
    GROWTH,
    LogCounts,
    edge,
    quantile_bounds,
    quantile_difference,
    quantile_ratio,
)
from perennial.measure.sequential import UNKNOWN, share_bounds


def counted(values: npt.ArrayLike) -> LogCounts:
    found = LogCounts()
    for value in np.asarray(values, dtype=float):
        found.add(float(value))
    return found


@pytest.mark.parametrize("value", [1e-9, 0.001, 1.0, 1.02, 17.3, 1e6])
def test_a_value_lies_in_its_bin(value: float) -> None:
    (place,) = counted([value]).counts
    assert edge(place - 1) <= max(value, 1e-3) * (1 + 1e-9)
    assert value <= edge(place) * (1 + 1e-9)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="values must be finite"):
        LogCounts().add(value)


def test_the_memory_is_fixed() -> None:
    random = np.random.default_rng(1)
    assert len(counted(10 ** random.uniform(-3, 6.5, 20_000)).counts) < 1_150


def test_without_values_nothing_is_claimed() -> None:
    some = counted([1.0])
    assert quantile_bounds(LogCounts(), 0.9) == UNKNOWN
    for pair in ((LogCounts(), some), (some, LogCounts())):
        assert quantile_difference(*pair, 0.9) == quantile_ratio(*pair, 0.9) == UNKNOWN
    assert quantile_bounds(some, 0.9).high == math.inf
    with pytest.raises(ValueError, match="quantile must be in"):
        quantile_bounds(some, 1.0)


def test_the_ends_are_where_the_share_above_is_no_more_possible() -> None:
    """Held against `share_bounds` of each value by itself."""
    values = np.random.default_rng(2).lognormal(1, 1, 400)
    seen, quantile = counted(values), 0.9
    found = quantile_bounds(seen, quantile, 0.95)
    for value in np.unique([edge(place) for place in seen.counts]):
        each = share_bounds(int((values > value * (1 + 1e-9)).sum()), 400, 0.975)
        if each.low > 1 - quantile:
            assert value <= found.low * (1 + 1e-9)
        if value < found.high:
            assert each.high >= 1 - quantile


def test_equal_values_are_known_to_their_bin() -> None:
    found = quantile_bounds(counted([5.0] * 200), 0.9)
    assert 5.0 / GROWTH**2 < found.low <= 5.0 <= found.high < 5.0 * GROWTH**2


def test_difference_and_ratio_tell_a_slower_version() -> None:
    random = np.random.default_rng(3)
    old, new = counted(random.lognormal(1, 0.3, 3000)), counted(random.lognormal(2, 0.3, 500))
    longer, ratio = quantile_difference(old, new, 0.9), quantile_ratio(old, new, 0.9)
    assert 4 < longer.low < longer.estimate < longer.high < 12
    assert 2 < ratio.low < math.e < ratio.high < 3.6


LOOKS = [*range(5, 100, 5), *range(100, 1000, 30), *range(1000, 3001, 200)]


@pytest.mark.slow
@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_the_quantile_is_within_at_all_looks_95_times_in_100(quantile: float) -> None:
    random, n_runs = np.random.default_rng(15), 200
    truth = float(np.quantile(np.exp(np.random.default_rng(1).normal(size=2_000_000)), quantile))
    n_missed = 0
    for _ in range(n_runs):
        values, seen, done = random.lognormal(0, 1, LOOKS[-1]), LogCounts(), 0
        for n in LOOKS:
            for value in values[done:n]:
                seen.add(float(value))
            done = n
            found = quantile_bounds(seen, quantile, 0.95)
            if not found.low <= truth <= found.high:
                n_missed += 1
                break
    assert n_missed / n_runs <= 0.05
