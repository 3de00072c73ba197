"""Distances against scipy, hand-worked values, their properties and their edges."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance
from scipy.stats import contingency

from perennial.measure.distances import (
    coarse,
    cramers_v,
    jensen_shannon_distance,
    ks_distance,
    ks_distance_of_counts,
    population_stability,
    wasserstein_distance,
)
from perennial.measure.inputs import FloatArray

OF_VALUES = {"ks": ks_distance, "wasserstein": wasserstein_distance}
OF_COUNTS = {
    "ks": ks_distance_of_counts,
    "cramers_v": cramers_v,
    "psi": population_stability,
    "jensen_shannon": jensen_shannon_distance,
}
SMALL = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)
TABLES = st.integers(1, 8).flatmap(
    lambda b: st.tuples(
        *[st.lists(st.integers(0, 50), min_size=b, max_size=b).filter(any) for _ in range(2)]
    )
)


def with_ties(n: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).poisson(4, n).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_ks_is_scipys_with_and_without_ties(seed: int) -> None:
    random = np.random.default_rng(seed)
    for first, second in (
        (random.normal(size=300), random.normal(0.2, 1.5, size=170)),
        (with_ties(300, seed), with_ties(170, seed + 100) + 1),
    ):
        assert ks_distance(first, second) == pytest.approx(stats.ks_2samp(first, second).statistic)


@pytest.mark.parametrize("seed", range(5))
def test_wasserstein_is_scipys_over_the_references_deviation(seed: int) -> None:
    first, second = with_ties(300, seed), with_ties(170, seed + 100) * 1.5
    expected = stats.wasserstein_distance(first, second) / first.std()
    assert wasserstein_distance(first, second) == pytest.approx(expected)


def test_wasserstein_of_a_shift_is_the_shift_in_standard_deviations() -> None:
    values = np.random.default_rng(0).exponential(size=1_000)
    assert wasserstein_distance(values, values + 3 * values.std()) == pytest.approx(3)


@given(SMALL, SMALL)
def test_ks_of_values_is_symmetric_and_keeps_to_its_range(
    first: list[float], second: list[float]
) -> None:
    assert 0 <= ks_distance(first, second) <= 1
    assert ks_distance(first, second) == pytest.approx(ks_distance(second, first))
    assert ks_distance(first, first) == 0


@given(SMALL, SMALL)
def test_ks_does_not_mind_an_increasing_function(first: list[float], second: list[float]) -> None:
    assert ks_distance(np.exp(first), np.exp(second)) == ks_distance(first, second)


@given(SMALL, SMALL)
def test_ks_of_counts_is_that_of_values_where_every_value_has_its_bin(
    first: list[float], second: list[float]
) -> None:
    edges = np.arange(-5.5, 6)
    counts = [np.histogram(side, edges)[0] for side in (first, second)]
    assert ks_distance_of_counts(*counts) == pytest.approx(ks_distance(first, second))


@pytest.mark.parametrize("name", OF_VALUES)
def test_missing_values_are_removed(name: str) -> None:
    measure = OF_VALUES[name]
    with_gaps = [np.nan, 1, 2, np.nan, 3]
    assert measure(with_gaps, [2, np.nan, 3, 4]) == measure([1, 2, 3], [2, 3, 4])


@pytest.mark.parametrize("name", OF_VALUES)
@pytest.mark.parametrize("empty", [[], [np.nan, np.nan]])
def test_a_side_without_values_is_unknown_never_no_distance(name: str, empty: list[float]) -> None:
    assert np.isnan(OF_VALUES[name](empty, [1.0]))
    assert np.isnan(OF_VALUES[name]([1.0], empty))


def test_constants_are_at_no_distance_or_all_the_way_apart() -> None:
    assert ks_distance([2, 2], [2]) == 0
    assert ks_distance([2, 2], [3]) == 1
    assert wasserstein_distance([2, 2], [2]) == 0
    assert wasserstein_distance([2, 2], [3]) == np.inf
    assert wasserstein_distance([1, 2], [np.inf]) == np.inf


def test_a_constant_that_rounding_gives_a_deviation_is_still_a_constant() -> None:
    assert wasserstein_distance([0.1] * 3, [0.1] * 10) == 0


@given(TABLES)
def test_distances_of_counts_are_symmetric_and_zero_only_between_equals(
    table: tuple[list[int], list[int]],
) -> None:
    first, second = table
    for name, measure in OF_COUNTS.items():
        assert measure(first, first) == pytest.approx(0, abs=1e-7), name
        assert measure(first, second) >= 0, name
        if name != "ks":
            assert measure(first, second) == pytest.approx(measure(second, first), abs=1e-9), name
        if name != "psi":
            assert measure(first, second) <= 1 + 1e-9, name


@given(TABLES)
def test_jensen_shannon_is_scipys(table: tuple[list[int], list[int]]) -> None:
    expected = distance.jensenshannon(*table, base=2)
    assert jensen_shannon_distance(*table) == pytest.approx(np.nan_to_num(expected), abs=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_cramers_v_of_equal_sizes_is_scipys(seed: int) -> None:
    random = np.random.default_rng(seed)
    table = np.array([random.multinomial(500, random.dirichlet(np.ones(6))) for _ in range(2)])
    expected = contingency.association(table[:, table.any(axis=0)], method="cramer")
    assert cramers_v(*table, corrected=False) == pytest.approx(expected)


def test_cramers_v_does_not_shrink_when_one_side_is_sixty_times_the_other() -> None:
    table = np.array([[27_000, 27_000], [585, 315]])
    assert contingency.association(table, method="cramer") < 0.04
    assert cramers_v(*table) == pytest.approx(0.15, abs=0.005)


def test_the_corrected_v_of_nothing_changed_is_near_zero_with_many_categories() -> None:
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.full(50, 5.0))
    reference = random.multinomial(54_000, shares)
    nights = random.multinomial(900, shares, size=200)
    assert np.mean([cramers_v(reference, night, corrected=False) for night in nights]) > 0.1
    corrected = [cramers_v(reference, night) for night in nights]
    assert np.mean(corrected) < 0.03
    assert max(corrected) < 0.1


def test_cramers_v_counts_a_category_never_seen_before() -> None:
    assert cramers_v([500, 500, 0], [500, 400, 100]) > 0.2
    assert cramers_v([100], [7]) == 0


def test_what_chance_alone_gives_is_what_the_docstrings_say() -> None:
    random = np.random.default_rng(0)
    shares = np.full(20, 1 / 20)
    reference = random.multinomial(1_000_000, shares)
    nights = random.multinomial(2_000, shares, size=300)
    expected = {"cramers_v": np.sqrt(19 / 8_000), "psi": 19 / 2_000}
    expected |= {"jensen_shannon": np.sqrt(19 / 11_000)}
    for name, chance in expected.items():
        measure = uncorrected if name == "cramers_v" else OF_COUNTS[name]
        found = np.mean([measure(reference, night) for night in nights])
        assert found == pytest.approx(chance, rel=0.12), name
    distances = [ks_distance(random.random(400), random.random(900)) for _ in range(300)]
    assert np.mean(distances) == pytest.approx(0.87 * np.sqrt(1 / 400 + 1 / 900), rel=0.12)


def uncorrected(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    return cramers_v(reference, current, corrected=False)


def test_psi_is_worked_by_hand() -> None:
    halves, quarter = (np.array([5e6, 5e6]), np.array([7.5e6, 2.5e6]))
    expected = 0.25 * np.log(0.75 / 0.5) - 0.25 * np.log(0.25 / 0.5)
    assert population_stability(halves, quarter) == pytest.approx(expected, rel=1e-5)


def test_an_empty_bin_costs_psi_what_half_a_row_does_not_hundreds() -> None:
    p, q = np.array([100.5, 0.5]) / 101, np.array([50.5, 50.5]) / 101
    expected = float(((p - q) * np.log(p / q)).sum())
    assert population_stability([100, 0], [50, 50]) == pytest.approx(expected)
    assert expected < 3


@pytest.mark.parametrize("name", OF_COUNTS)
def test_a_side_without_rows_is_unknown(name: str) -> None:
    assert np.isnan(OF_COUNTS[name]([0, 0], [1, 2]))
    assert np.isnan(OF_COUNTS[name]([1, 2], [0, 0]))


@pytest.mark.parametrize("name", OF_COUNTS)
@pytest.mark.parametrize("bad", [[1, -1], [1, np.nan], [1, 2, 3], [[1, 2]]])
def test_counts_that_are_none_are_refused(name: str, bad: list[float]) -> None:
    with pytest.raises(ValueError, match="counts must be"):
        OF_COUNTS[name]([1, 2], bad)


def test_coarse_bins_are_fixed_by_the_reference_alone() -> None:
    reference = np.full(257, 10)
    first, _ = coarse(reference, np.arange(257))
    second, moved = coarse(reference, np.arange(257)[::-1])
    assert np.array_equal(first, second)
    assert first.size == 10
    assert first.max() <= 1.1 * first.min()
    assert moved.sum() == np.arange(257).sum()


def test_coarse_leaves_a_heap_alone() -> None:
    first, _ = coarse([900, 25, 25, 25, 25], np.ones(5))
    assert first.tolist()[0] == 900


def test_coarse_of_a_reference_without_rows_keeps_every_row() -> None:
    first, second = coarse([0, 0, 0], [1, 2, 3])
    assert (first.sum(), second.sum()) == (0, 6)
