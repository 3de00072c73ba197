"""Benjamini-Hochberg against scipy, its promise and its unknowns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perennial.measure.multiple_testing import benjamini_hochberg

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(P_VALUES)
def test_it_is_scipys(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values))


@given(P_VALUES, st.randoms(use_true_random=False))
def test_unknown_stays_unknown_and_changes_nothing_else(p_values: list[float], random) -> None:  # type: ignore[no-untyped-def]
    mixed = [*p_values, float("nan"), float("nan")]
    random.shuffle(mixed)
    adjusted = benjamini_hochberg(mixed)
    known = ~np.isnan(mixed)
    assert np.isnan(adjusted[~known]).all()
    assert adjusted[known] == pytest.approx(benjamini_hochberg(np.array(mixed)[known]))


def test_none_and_only_unknown_ones_are_no_error() -> None:
    assert benjamini_hochberg([]).size == 0
    assert np.isnan(benjamini_hochberg([np.nan, np.nan])).all()


def test_one_p_value_stays_what_it_is() -> None:
    assert benjamini_hochberg([0.03]).tolist() == [0.03]


def test_of_nights_without_a_change_a_share_of_alpha_has_a_finding() -> None:
    nights = np.random.default_rng(0).random((4_000, 20))
    out = [(benjamini_hochberg(night) <= 0.05).any() for night in nights]
    assert np.mean(out) == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize("bad", [[-0.1], [1.5], [np.inf]])
def test_what_is_no_probability_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        benjamini_hochberg(bad)


def test_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        benjamini_hochberg([[0.5]])
