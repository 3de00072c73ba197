"""Statistics at many weightings in one call: what holds for every metric there is."""

from collections.abc import Callable

import numpy as np
import pytest

from perennial.measure.inputs import FloatArray
from perennial.measure.metrics import METRICS, Metric
from perennial.measure.weighting import ratio, weighted_mean

metrics = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())


@pytest.fixture
def rows() -> Callable[[Metric], tuple[FloatArray, FloatArray]]:
    def make(metric: Metric) -> tuple[FloatArray, FloatArray]:
        random = np.random.default_rng(7)
        scores = random.integers(0, 20, size=200) / 20  # many ties
        if metric.task == "regression":
            return scores + random.normal(size=200), scores
        return (random.random(200) < scores).astype(float), scores

    return make


Rows = Callable[[Metric], tuple[FloatArray, FloatArray]]


@metrics
def test_many_weightings_in_one_call_equal_one_call_each(metric: Metric, rows: Rows) -> None:
    labels, scores = rows(metric)
    weights = np.random.default_rng(1).exponential(size=(6, labels.size))
    together = metric.prepare(labels, scores)(weights)
    one_by_one = [metric.function(labels, scores, row) for row in weights]
    np.testing.assert_allclose(together, one_by_one, rtol=1e-12)


@pytest.mark.parametrize(
    "metric",
    # The calibration error is the exception: its bins are fixed by the rows.
    [metric for name, metric in METRICS.items() if name != "calibration_error"],
    ids=lambda metric: metric.name,
)
def test_a_weight_of_k_is_the_row_k_times(metric: Metric, rows: Rows) -> None:
    labels, scores = rows(metric)
    counts = np.random.default_rng(2).integers(0, 4, size=labels.size)
    repeated = metric.function(np.repeat(labels, counts), np.repeat(scores, counts))
    assert metric.function(labels, scores, counts) == pytest.approx(repeated, rel=1e-12)


@metrics
def test_only_the_proportions_of_weights_matter(metric: Metric, rows: Rows) -> None:
    labels, scores = rows(metric)
    weights = np.random.default_rng(3).exponential(size=labels.size)
    assert metric.function(labels, scores, 1e6 * weights) == pytest.approx(
        metric.function(labels, scores, weights), rel=1e-12
    )


@metrics
def test_the_order_of_rows_does_not_matter(metric: Metric, rows: Rows) -> None:
    labels, scores = rows(metric)
    shuffled = np.random.default_rng(4).permutation(labels.size)
    assert metric.function(labels[shuffled], scores[shuffled]) == pytest.approx(
        metric.function(labels, scores), rel=1e-12
    )


@metrics
def test_a_resample_without_any_weight_is_undefined_not_an_error(
    metric: Metric, rows: Rows
) -> None:
    labels, scores = rows(metric)
    assert np.isnan(metric.prepare(labels, scores)(np.zeros((1, labels.size)))).all()


@metrics
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_metric_compares_a_score_that_is_not_finite(metric: Metric, bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        metric.function([0, 1, 1], [0.1, bad, 0.3])


@metrics
def test_no_metric_measures_no_rows(metric: Metric) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        metric.function([], [])


def test_the_weighted_mean_is_numpys() -> None:
    random = np.random.default_rng(5)
    values, weights = random.normal(size=50), random.exponential(size=(4, 50))
    expected = [np.average(values, weights=row) for row in weights]
    np.testing.assert_allclose(weighted_mean(values)(weights), expected)


def test_a_ratio_over_zero_is_nan_without_a_warning() -> None:
    np.testing.assert_array_equal(ratio(np.array([0.0, 3.0]), np.array([0.0, 2.0])), [np.nan, 1.5])
