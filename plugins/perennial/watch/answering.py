"""What the servers answered about the watched days' questions."""

from __future__ import annotations

from datetime import date

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.judge.judged import finite
from perennial.measure.metrics import METRICS
from perennial.score import fold, read_answers
from perennial.watch.watched import Answered


def answered(project: Project, model: Model, start: date, end: date) -> Answered:
    """Fold the journals, and say what they tell about `start <= day < end`."""
    folded = fold(project, model.name, start, end)
    answers = read_answers(project, model.name, start, end)
    labelled = answers.filter(answers["label"].is_valid())
    labels, scores = (np.asarray(labelled[name], dtype=np.float64) for name in ("label", "score"))
    return Answered(
        n_answers=folded.n_answers,
        n_failures=folded.n_failures,
        n_fallbacks=folded.n_fallbacks,
        n_labelled=folded.n_labelled,
        n_unmatched_labels=folded.n_unmatched_labels,
        n_set_aside=folded.n_set_aside,
        metrics={
            name: finite(METRICS[name].function(labels, scores)) for name in model.judge.metrics
        }
        if labels.size
        else {},
    )
