"""Feedback: the truth about answered questions, told later, checked and journaled."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.first_labels import AT_ONCE, FirstLabels
from perennial.serve.authenticating import LOCAL, access_of
from perennial.serve.forms import Form, truth
from perennial.serve.journaling import opened, unwritten, written
from perennial.serve.label_shares import Row, allowed, aside
from perennial.serve.metrics import FEEDBACK, FEEDBACK_ASIDE, FEEDBACK_REPEATS

logger = logging.getLogger(__name__)

TURNS = 4


class FeedbackDesk:
    """Takes labels by the `prediction_id` of the answer that they are about; the first one counts.

    It does not look the answer up: whoever reads the journal joins them. A label that is told again
    is known by an index of the newest million (`first_labels`); an older one is journaled again,
    and there, too, the first label of a prediction counts.

    Callers are served one after the other, each in short steps, between which predictions go on.
    """

    def __init__(self, project: Project) -> None:
        self.journal = opened(project, "feedback")
        self._known = FirstLabels(self.journal.folder, project.var / "state" / "first-labels.db")
        self._max_rows = project.gateway.max_rows
        self._share = project.gateway.label_share
        self._forms: dict[str, tuple[Model, Form]] = {}
        self._turn = asyncio.Lock()
        if self._share is not None and access_of(project) == "local":
            logger.warning("label_share is not kept: with access local nobody is told apart")
            self._share = None
        try:
            self._known.catch_up()
        except sqlite3.Error as error:
            _not_followed(error)

    def form(self, model: Model) -> Form:
        """What one label of a model looks like, by its present declaration."""
        known, form = self._forms.get(model.name, (None, None))
        if form is None or known is not model:
            form = truth(model, self._max_rows)
            self._forms[model.name] = model, form
        return form

    async def post(self, model: Model, body: bytes, caller: str = LOCAL) -> dict[str, Any]:
        """Journal one label (an object) or up to `gateway.max_rows` (a list): all new ones or none.

        Returns how many were accepted, how many of these were `repeated` (the same label, which
        changes nothing), the ids of those that were not accepted because their prediction has
        another label (`conflicting`) or the caller gave too many today (`set_aside`, see
        `label_shares`), and the number of the journal's last entry. Raises `RefusedError` for what
        is no label (4xx), and 503 when it cannot be written.
        """
        await _others()
        rows, _ = self.form(model).parse(body, "the feedback")
        await _others()
        async with self._turn:
            return await self._post(model, rows, caller)

    async def _post(self, model: Model, rows: list[Row], caller: str) -> dict[str, Any]:
        at = datetime.now(UTC)
        labels = await self._labels(model, [row["prediction_id"] for row in rows])
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
        room = self._room(model, caller, at) if new else 0
        new, more = new[:room], new[room:]
        await self._write(model, new, more, caller, at)
        FEEDBACK_REPEATS.labels(model.name, "repeated").inc(n_repeated)
        FEEDBACK_REPEATS.labels(model.name, "conflicting").inc(len(conflicting))
        return {
            "accepted": len(new) + n_repeated,
            "repeated": n_repeated,
            "conflicting": conflicting,
            "set_aside": [row["prediction_id"] for row in more],
            "seq": self.journal.last_seq,
        }

    def close(self) -> None:
        """Free the journal."""
        self._known.close()
        self.journal.close()

    async def _labels(self, model: Model, prediction_ids: Sequence[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        try:
            if self._known.after < self.journal.last_seq:
                await self._follow()
            for first in range(0, len(prediction_ids), AT_ONCE):
                found |= self._known.find(model.name, prediction_ids[first : first + AT_ONCE])
                await _others()
        except sqlite3.Error as error:
            self._known.close()
            raise unwritten("feedback", error) from error
        return found

    def _room(self, model: Model, caller: str, at: datetime) -> int:
        """How many new labels of the caller count today."""
        if self._share is None:
            return self._max_rows
        try:
            given = self._known.given(model.name, at.date().isoformat())
        except sqlite3.Error as error:
            self._known.close()
            raise unwritten("feedback", error) from error
        return allowed(self._share, given, caller)

    async def _write(
        self, model: Model, new: list[Row], more: list[Row], caller: str, at: datetime
    ) -> None:
        if not new and not more:
            return
        same = {"at": at, "by": caller}
        entries = [{"model": model.name, **row, **same} for row in new]
        written(self.journal, [*entries, *aside(model.name, more, caller, at)], "feedback")
        FEEDBACK.labels(model.name).inc(len(new))
        FEEDBACK_ASIDE.labels(model.name).inc(len(more))
        await _others()
        try:
            await self._follow()
        except sqlite3.Error as error:  # the next label waits until this is made up for
            _not_followed(error)

    async def _follow(self) -> None:
        for _ in self._known.steps():
            await _others()


async def _others() -> None:
    """Let who waits have a turn; what one request does until its next turn takes some of these."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def _not_followed(error: sqlite3.Error) -> None:
    logger.warning("index of labels not written: %s", error)
