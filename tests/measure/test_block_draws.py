"""Blocks keep neighbours together, and a window never meets its own days in its reference."""

import numpy as np
import pytest

from perennial.measure.block_draws import block_draws, thinned


@pytest.mark.parametrize(("n_days", "window_days"), [(60, 1), (60, 3), (61, 7), (14, 2)])
def test_a_window_is_contiguous_and_none_of_its_days_is_in_its_reference(
    n_days: int, window_days: int
) -> None:
    references, windows = block_draws(n_days, window_days, 7, 200, seed=0)
    assert not (references * windows).any()
    assert (references.sum(axis=1) == n_days).all()
    for window in windows:
        days = np.flatnonzero(window)
        assert days.size == window_days == days[-1] - days[0] + 1


def test_every_day_is_drawn_for_both() -> None:
    references, windows = block_draws(60, 1, 7, 2_000, seed=0)
    assert references.any(axis=0).all()
    assert windows.any(axis=0).all()


def neighbours_alike(block_days: int) -> float:
    first_half = block_draws(60, 1, block_days, 500, seed=0)[0][1::2, 5:25]
    return float(np.corrcoef(first_half[:, :-1].ravel(), first_half[:, 1:].ravel())[0, 1])


def test_neighbours_are_drawn_together() -> None:
    assert neighbours_alike(7) > 0.7
    assert neighbours_alike(1) < 0.1


def test_windows_are_as_far_from_their_reference_as_the_next_night_is_from_all_days() -> None:
    references, windows = block_draws(60, 1, 7, 2_000, seed=0)
    days = np.arange(60)
    apart = np.abs(windows @ days - references @ days / 60)
    assert apart.mean() == pytest.approx(60 - days.mean(), abs=1)


def test_the_same_seed_gives_the_same_draws_that_nobody_may_change() -> None:
    first = block_draws(20, 1, 7, 50, seed=3)[0].copy()
    block_draws.cache_clear()
    again = block_draws(20, 1, 7, 50, seed=3)[0]
    assert np.array_equal(first, again)
    with pytest.raises(ValueError, match="read-only"):
        again[0, 0] = 9
    assert not np.array_equal(first, block_draws(20, 1, 7, 50, seed=4)[0])


def test_thinning_keeps_the_shares_and_never_invents_a_row() -> None:
    counts = np.tile([600.0, 300.0, 0.0], (500, 1))
    thin = thinned(counts, 90, seed=0)
    assert (thin.sum(axis=1) == 90).all()
    assert thin[:, 2].sum() == 0
    assert thin.mean(axis=0) == pytest.approx([60, 30, 0], abs=1)
    assert thin[:, 0].var() == pytest.approx(90 * 2 / 9 * (1 - 90 / 900), rel=0.25)
