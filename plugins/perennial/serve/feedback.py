"""Feedback: the truth about answered questions, told later, checked and journaled."""

from __future__ import annotations

from datetime import UTC, datetime

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.journal import Journal
from perennial.serve.forms import Form, truth
from perennial.serve.metrics import FEEDBACK
from perennial.serve.refusals import RefusedError

MOST = 1000


class FeedbackDesk:
    """Takes labels by the `prediction_id` of the answer that they are about.

    It does not look the answer up: whoever reads the journal joins them, and there the first label
    of a prediction counts, so that telling it twice changes nothing.
    """

    def __init__(self, project: Project) -> None:
        self.journal = Journal(project.var / "journal" / "feedback")
        self._forms: dict[str, tuple[Model, Form]] = {}

    def form(self, model: Model) -> Form:
        """What one label of a model looks like, by its present declaration."""
        known, form = self._forms.get(model.name, (None, None))
        if form is None or known is not model:
            form = truth(model, MOST)
            self._forms[model.name] = model, form
        return form

    def post(self, model: Model, body: bytes) -> dict[str, int]:
        """Journal one label (an object) or up to a thousand (a list): all of them or none.

        Returns how many were accepted and the number of the last one. Raises `RefusedError` for
        what is no label (4xx), and 503 when it cannot be written.
        """
        rows, _ = self.form(model).parse(body, "the feedback")
        at = datetime.now(UTC)
        entries = [{"model": model.name, **row, "at": at} for row in rows]
        try:
            last = self.journal.append(entries)
        except OSError as error:
            raise RefusedError(
                503, "journal", f"feedback cannot be written now: {error.strerror}", None, 5
            ) from error
        FEEDBACK.labels(model.name).inc(len(rows))
        return {"accepted": len(rows), "seq": last}

    def close(self) -> None:
        """Free the journal."""
        self.journal.close()
