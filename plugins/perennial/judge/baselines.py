"""Simple rules that a model has to beat, answering the same rows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.learn.contract import FloatArray
from perennial.train.labelled_rows import LabelledRows, read_labelled


def baseline_scores(
    project: Project, model: Model, window: tuple[date, date], judged: LabelledRows
) -> dict[str, FloatArray]:
    """What each declared baseline answers for the judged rows (n,), by the baseline's name.

    Rates come from the candidate's own window, by the labels that it could learn from.
    """
    learned = read_labelled(project, model, *window, known_by=window[1])
    return {
        each.name: rate_by(each.columns, judged, learned)
        if each.kind == "rate_by"
        else yesterday(_with_the_day_before(project, model, judged), judged, learned.mean_label)
        for each in model.judge.baselines
    }


def _with_the_day_before(project: Project, model: Model, judged: LabelledRows) -> LabelledRows:
    start = judged.start - timedelta(days=1)
    return read_labelled(project, model, start, judged.end, known_by=judged.end)


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
