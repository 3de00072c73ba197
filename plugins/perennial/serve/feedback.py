"""Feedback: the truth about answered questions, told later, checked and journaled."""

from __future__ import annotations

import logging
import sqlite3
from datetime import UTC, datetime
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.first_labels import FirstLabels
from perennial.serve.forms import Form, truth
from perennial.serve.journaling import opened, unwritten, written
from perennial.serve.metrics import FEEDBACK, FEEDBACK_REPEATS

logger = logging.getLogger(__name__)


class FeedbackDesk:
    """Takes labels by the `prediction_id` of the answer that they are about; the first one counts.

    It does not look the answer up: whoever reads the journal joins them. A label that is told again
    is known by an index of the newest million (`first_labels`); an older one is journaled again,
    and there, too, the first label of a prediction counts.
    """

    def __init__(self, project: Project) -> None:
        self.journal = opened(project, "feedback")
        self._known = FirstLabels(self.journal.folder, project.var / "state" / "first-labels.db")
        self._max_rows = project.gateway.max_rows
        self._forms: dict[str, tuple[Model, Form]] = {}
        self._follow()

    def form(self, model: Model) -> Form:
        """What one label of a model looks like, by its present declaration."""
        known, form = self._forms.get(model.name, (None, None))
        if form is None or known is not model:
            form = truth(model, self._max_rows)
            self._forms[model.name] = model, form
        return form

    def post(self, model: Model, body: bytes) -> dict[str, Any]:
        """Journal one label (an object) or up to `gateway.max_rows` (a list): all new ones or none.

        Returns how many were accepted, how many of these were `repeated` (the same label, which
        changes nothing), the ids of those that were not accepted because their prediction has
        another label (`conflicting`), and the number of the journal's last entry. Raises
        `RefusedError` for what is no label (4xx), and 503 when it cannot be written.
        """
        rows, _ = self.form(model).parse(body, "the feedback")
        labels = self._labels(model, [row["prediction_id"] for row in rows])
        new, n_repeated, conflicting = [], 0, []
        for row in rows:
            name, label = row["prediction_id"], float(row["label"])
            if name not in labels:
                labels[name] = label
                new.append(row)
            elif labels[name] == label:
                n_repeated += 1
            else:
                conflicting.append(name)
        self._write(model, new)
        FEEDBACK_REPEATS.labels(model.name, "repeated").inc(n_repeated)
        FEEDBACK_REPEATS.labels(model.name, "conflicting").inc(len(conflicting))
        return {
            "accepted": len(new) + n_repeated,
            "repeated": n_repeated,
            "conflicting": conflicting,
            "seq": self.journal.last_seq,
        }

    def close(self) -> None:
        """Free the journal."""
        self._known.close()
        self.journal.close()

    def _labels(self, model: Model, prediction_ids: list[str]) -> dict[str, float]:
        try:
            if self._known.after < self.journal.last_seq:
                self._known.catch_up()
            return self._known.find(model.name, prediction_ids)
        except sqlite3.Error as error:
            self._known.close()
            raise unwritten("feedback", error) from error

    def _write(self, model: Model, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        at = datetime.now(UTC)
        written(self.journal, [{"model": model.name, **row, "at": at} for row in rows], "feedback")
        FEEDBACK.labels(model.name).inc(len(rows))
        self._follow()

    def _follow(self) -> None:
        try:
            self._known.catch_up()
        except sqlite3.Error as error:  # the next label waits until this is made up for
            logger.warning("index of labels not written: %s", error)
