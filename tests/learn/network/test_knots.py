from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from perennial.learn.network.knots import FEW, N_KNOTS, Straightened, knots_of


def columns() -> np.ndarray:
    random = np.random.default_rng(1)
    n = 1000
    return np.column_stack(
        [
            np.exp(3 * random.normal(size=n)),
            np.where(random.random(n) < 0.7, 0.0, random.normal(size=n)),
            np.full(n, 5.0),
            np.where(random.random(n) < 0.3, np.nan, random.integers(0, 4, size=n)),
        ]
    )


def test_ranks_become_normal_whatever_the_spread() -> None:
    heavy = columns()[:, :1]
    straight = Straightened([knots_of(heavy[:, 0])])(heavy)[:, 0]
    ranks = (np.argsort(np.argsort(heavy[:, 0])) + 0.5) / len(heavy)
    inner = (ranks > 0.05) & (ranks < 0.95)
    np.testing.assert_allclose(straight[inner], norm.ppf(ranks[inner]), atol=0.05)


def test_a_row_alone_is_straightened_as_in_a_long_table() -> None:
    values = columns()
    values[:6, 0] = [np.inf, -np.inf, -1.0, 1e308, 0.0, np.nan]
    straightened = Straightened([knots_of(each) for each in columns().T])
    assert len(values) > FEW
    alone = np.concatenate([straightened(row[None]) for row in values])
    np.testing.assert_array_equal(alone, straightened(values))


def test_it_is_numpy_s_interpolation() -> None:
    values = columns()
    knots = [knots_of(each) for each in values.T]
    straight = Straightened(knots)(values)
    for column, (places, heights) in enumerate(knots):
        expected = np.interp(values[:, column], places, heights)
        np.testing.assert_allclose(straight[:, column], expected, atol=1e-12)


def test_beyond_all_that_was_seen_nothing_changes_and_missing_stays() -> None:
    straightened = Straightened([knots_of(each) for each in columns().T])
    low, high = straightened(np.full((1, 4), -np.inf)), straightened(np.full((1, 4), np.inf))
    assert np.isfinite(low).all()
    assert (low <= high).all()
    assert low[0, 2] == high[0, 2] == 0
    assert np.isnan(straightened(np.full((1, 4), np.nan))).all()
    assert all(len(places) <= N_KNOTS for places, _ in [knots_of(each) for each in columns().T])


@pytest.mark.parametrize("knots", [((), ()), ((1.0, 1.0), (0.0, 1.0)), ((1.0,), (0.0, 1.0))])
def test_knots_that_do_not_rise_are_refused(knots: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match="knots must rise"):
        Straightened([(knots[0], knots[1])])
