"""Bins that the reference fixes, and what their counts can and cannot tell."""

import time

import numpy as np
import pytest

from perennial.measure.daily_counts import (
    N_CUTS,
    CategoryBins,
    category_bins,
    daily_counts,
    number_bins,
)
from perennial.measure.distances import ks_distance, ks_distance_of_counts
from perennial.measure.inputs import FloatArray


def counted(reference: FloatArray, current: FloatArray) -> float:
    bins = number_bins(reference)
    codes = (bins.codes(reference), bins.codes(current))
    counts = [np.bincount(side[side >= 0], minlength=bins.n_bins) for side in codes]
    return ks_distance_of_counts(*counts)


def test_ks_of_counts_is_exact_for_few_different_values() -> None:
    random = np.random.default_rng(0)
    reference, current = random.poisson(5, 5_000), random.poisson(5.3, 900)
    expected = ks_distance(reference, current)
    assert counted(reference.astype(float), current.astype(float)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_ks_of_counts_misses_less_than_one_bin_of_continuous_values(seed: int) -> None:
    random = np.random.default_rng(seed)
    reference, current = random.gamma(2, size=20_000), random.gamma(2.2, size=5_000)
    expected = ks_distance(reference, current)
    assert expected - 2 / N_CUTS <= counted(reference, current) <= expected + 1e-12


def test_values_close_below_a_heap_are_not_taken_for_it() -> None:
    random = np.random.default_rng(0)
    reference = np.where(random.random(20_000) < 0.3, 0.0, random.normal(size=20_000))
    current = np.where(reference == 0, -1e-9, reference)
    assert ks_distance(reference, current) == pytest.approx(0.3, abs=0.02)
    assert counted(reference, current) == pytest.approx(0.3, abs=0.02)


def test_what_lies_beyond_the_reference_is_seen() -> None:
    reference = np.random.default_rng(0).normal(size=5_000)
    assert counted(reference, np.full(100, 50.0)) == pytest.approx(1, abs=0.01)
    assert counted(reference, np.full(100, -50.0)) == pytest.approx(1, abs=0.01)
    assert counted(reference, np.full(100, np.inf)) == pytest.approx(1, abs=0.01)


def test_a_constant_reference_tells_below_and_above() -> None:
    bins = number_bins([2.0, 2.0, np.nan])
    assert len(set(bins.codes([1.0, 2.0, 3.0]).tolist())) == 3
    assert counted(np.full(9, 2.0), np.full(9, 2.0)) == 0
    assert counted(np.full(9, 2.0), np.full(9, 1.999)) == 1


def test_a_reference_without_values_has_one_bin() -> None:
    bins = number_bins([np.nan])
    assert bins.n_bins == 1
    assert bins.codes([3.0, np.nan]).tolist() == [0, -1]


def test_rare_names_are_other_and_missing_is_a_name_of_its_own() -> None:
    bins = category_bins(["a"] * 600 + ["b"] * 599 + ["once"] + [None])
    assert bins.labels == ("a", "b", "(other)", "(missing)")
    assert bins.codes(["b", "once", "new", None, float("nan")]).tolist() == [1, 2, 2, 3, 3]


def test_at_most_so_many_names_are_kept_the_commonest() -> None:
    names = [f"{i:03}" for i in range(300) for _ in range(300 - i)]
    bins = category_bins(names, max_names=10)
    assert bins.names == tuple(f"{i:03}" for i in range(10))


def test_names_that_are_numbers_or_truths_are_known_again() -> None:
    bins = category_bins([True, False, 7, 7, 7])
    assert bins.names[0] == "7"
    assert bins.codes([7, "7", True]).tolist()[:2] == [0, 0]
    assert category_bins([None]) == CategoryBins(())


def test_any_days_against_any_others_are_sums_of_counts() -> None:
    random = np.random.default_rng(0)
    values, days = random.normal(size=3_000), random.integers(10, size=3_000)
    bins = number_bins(values)
    table = daily_counts(bins.codes(values), days, 10, bins.n_bins)
    window = np.isin(days, [3, 4])
    expected = np.bincount(bins.codes(values[window]), minlength=bins.n_bins)
    assert np.array_equal(table[[3, 4]].sum(axis=0), expected)
    assert table.sum() == 3_000


def test_a_day_without_rows_is_a_row_of_zeros() -> None:
    assert daily_counts([0], [2], 3, 2).tolist() == [[0, 0], [0, 0], [1, 0]]
    assert daily_counts([], [], 2, 1).tolist() == [[0], [0]]


@pytest.mark.parametrize(
    ("codes", "days", "why"),
    [([5], [0], "codes must be"), ([0], [9], "days must be"), ([0, 1], [0], r"must be \(n,\)")],
)
def test_what_lies_outside_is_refused(codes: list[int], days: list[int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        daily_counts(codes, days, 3, 2)


def test_a_million_rows_are_counted_in_no_time() -> None:
    random = np.random.default_rng(0)
    values, days = random.normal(size=1_000_000), np.arange(1_000_000) // 16_667
    began = time.process_time()
    bins = number_bins(values)
    daily_counts(bins.codes(values), days, 60, bins.n_bins)
    assert time.process_time() - began < 3
