"""Data of the plots that DVC draws: small lists of records."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.files import replace_text
from perennial.learn.contract import FloatArray
from perennial.measure.calibration import bins_of, equal_mass_edges
from perennial.measure.curves import roc_points
from perennial.train.labelled_rows import LabelledRows


def write_plots(project: Project, model: Model, judged: LabelledRows, scores: FloatArray) -> None:
    """Write `calibration.json`, and for binary `roc.json`, below `var/reports/plots/<model>`."""
    folder = project.var / "reports" / "plots" / model.name
    records = {"calibration": calibration(judged.labels, scores)}
    if model.task == "binary":
        records["roc"] = roc(judged.labels, scores)
    for name, rows in records.items():
        text = orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        replace_text(folder / f"{name}.json", text.decode())


def roc(labels: FloatArray, scores: FloatArray) -> list[dict[str, Any]]:
    """Points of the ROC curve, at most 200."""
    points = roc_points(labels, scores)
    pairs = zip(
        points.false_positive_shares.tolist(), points.true_positive_shares.tolist(), strict=True
    )
    return [
        {"false_positive_share": round(x, 6), "true_positive_share": round(y, 6)} for x, y in pairs
    ]


def calibration(labels: FloatArray, scores: FloatArray) -> list[dict[str, Any]]:
    """What was said against what happened, in at most ten bins of equal mass; for both tasks."""
    bins = bins_of(scores, equal_mass_edges(scores))
    return [
        {
            "mean_score": float(scores[bins == each].mean()),
            "mean_label": float(labels[bins == each].mean()),
            "n_rows": int((bins == each).sum()),
        }
        for each in np.unique(bins)
    ]
