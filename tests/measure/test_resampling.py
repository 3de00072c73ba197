"""Resamples as weights."""

from datetime import date

import numpy as np
import numpy.typing as npt
import pytest

from perennial.measure import resampling
from perennial.measure.inputs import FloatArray
from perennial.measure.resampling import group_codes, resample_counts, resample_weights


def all_counts(n_units: int, n_resamples: int, seed: int = 0) -> FloatArray:
    return np.concatenate(list(resample_counts(n_units, n_resamples, seed)))


def test_every_resample_draws_as_many_as_there_are() -> None:
    assert (all_counts(50, 20).sum(axis=1) == 50).all()


def test_counts_have_the_mean_and_variance_of_drawing_with_replacement() -> None:
    counts = all_counts(10, 20_000)
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.03)
    np.testing.assert_allclose(counts.var(axis=0), 0.9, atol=0.05)
    np.testing.assert_allclose(np.cov(counts.T)[0, 1:], -0.1, atol=0.03)


def test_a_seed_gives_the_same_resamples_and_another_gives_others() -> None:
    np.testing.assert_array_equal(all_counts(30, 5, seed=1), all_counts(30, 5, seed=1))
    assert (all_counts(30, 5, seed=1) != all_counts(30, 5, seed=2)).any()


def test_chunks_together_are_the_resamples_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "CHUNK_CELLS", 100)
    chunks = list(resample_counts(30, 10, seed=0))
    assert [chunk.shape for chunk in chunks] == [(3, 30), (3, 30), (3, 30), (1, 30)]


def test_more_rows_than_a_chunk_holds_come_one_resample_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resampling, "CHUNK_CELLS", 100)
    assert [len(chunk) for chunk in resample_weights(101, n_resamples=2, seed=0)] == [1, 1]


def test_rows_of_a_group_stand_or_fall_together_and_groups_do_not() -> None:
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    weights = next(resample_weights(6, n_resamples=200, seed=0, groups=groups))
    for name in "abc":
        assert (np.ptp(weights[:, groups == name], axis=1) == 0).all()
    firsts = weights[:, [1, 0, 3]]
    assert (firsts.sum(axis=1) == 3).all()
    assert np.ptp(firsts, axis=1).any()


@pytest.mark.parametrize(
    "groups",
    [
        [7, 3, 7],
        ["tue", "mon", "tue"],
        [date(2020, 1, 2), date(2020, 1, 1), date(2020, 1, 2)],
        np.array(["2020-01-02", "2020-01-01", "2020-01-02"], dtype="datetime64[us]"),
    ],
)
def test_groups_may_be_numbers_names_or_days(groups: npt.ArrayLike) -> None:
    codes = group_codes(groups, 3)
    assert codes is not None
    assert codes.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "groups",
    [
        [1.0, np.nan, 2.0],
        np.array(["2020-01-01", "NaT", "2020-01-02"], dtype="datetime64[ns]"),
        np.array(["a", None, "b"], dtype=object),
    ],
)
def test_a_row_without_a_group_is_refused(groups: npt.ArrayLike) -> None:
    with pytest.raises(ValueError, match="groups must not be missing"):
        group_codes(groups, 3)


def test_groups_for_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        group_codes([1, 2], 3)
