"""Simple rules that a model has to beat, answering the same rows."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from perennial.declare.model import Baseline, Model
from perennial.declare.project import Project
from perennial.learn.contract import FloatArray
from perennial.train.labelled_rows import LabelledRows, read_labelled


def baseline_scores(
    project: Project, model: Model, baseline: Baseline, judged: LabelledRows, learned: LabelledRows
) -> FloatArray:
    """What `baseline` answers for each judged row (n,), from what `learned` and the past hold."""
    if baseline.kind == "yesterday":
        start = judged.start - timedelta(days=1)
        recent = read_labelled(project, model, start, judged.end, known_by=judged.end)
        return yesterday(recent, judged, learned.mean_label)
    return rate_by(baseline.columns, judged, learned)


def rate_by(columns: tuple[str, ...], judged: LabelledRows, learned: LabelledRows) -> FloatArray:
    """The mean label of each row's group in the learned window; unseen groups get the mean of all.

    One row with the mean of all is added to each group: a group of two rows would otherwise be
    certain (0 or 1), which the log loss punishes so hard that any model beats the rule.
    """
    import pyarrow as pa

    overall = learned.mean_label
    table = learned.features.select(columns).append_column("_label", pa.array(learned.labels))
    grouped = table.group_by(list(columns)).aggregate([("_label", "sum"), ("_label", "count")])
    groups = zip(*(grouped[name].to_pylist() for name in columns), strict=True)
    sums, counts = np.asarray(grouped["_label_sum"]), np.asarray(grouped["_label_count"])
    rates = dict(zip(groups, ((sums + overall) / (counts + 1)).tolist(), strict=True))
    asked = zip(*(judged.features[name].to_pylist() for name in columns), strict=True)
    return np.array([rates.get(group, overall) for group in asked], dtype=np.float64)


def yesterday(recent: LabelledRows, judged: LabelledRows, overall: float) -> FloatArray:
    """The mean label of the day before, of those labels that were known when the day began.

    `recent` holds the judged days and the one before. One row with the mean of all is added, so
    that a day without known labels answers with that mean.
    """
    rates = {}
    for day in np.unique(judged.days):
        began = day.astype("datetime64[us]")
        is_known = (recent.days == day - np.timedelta64(1, "D")) & (recent.known_at <= began)
        rates[day] = (recent.labels[is_known].sum() + overall) / (is_known.sum() + 1)
    return np.array([rates[day] for day in judged.days], dtype=np.float64)
