"""A project with two journals that tests write into, as the gateway does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.keep.journal import Journal

MODEL = "ripeness"
DAY = date(2024, 2, 1)
NOON = datetime(2024, 2, 1, 12, tzinfo=UTC)
LATER = datetime(2024, 5, 1, tzinfo=UTC)
"""The wall clock, which is another time than that of the questions."""


class Journals:
    """Writes what the gateway writes."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.open()

    def open(self) -> None:
        """Open both, as a gateway does when it starts."""
        folder = self.project.var / "journal"
        self.predictions = Journal(folder / "predictions", segment_bytes=4_000)
        self.feedback = Journal(folder / "feedback")

    def answer(self, asked_at: datetime = NOON, **fields: Any) -> str:
        """Journal one answer; its id."""
        prediction_id = uuid.uuid4().hex
        entry = {
            "kind": "answer", "prediction_id": prediction_id, "model": MODEL, "version": "v1",
            "variant": "champion", "slot": "blue", "release_id": None, "at": LATER,
            "asked_at": asked_at, "request": {"fruit": "päar"}, "features": {"weight": 1.5},
            "score": 0.25, "later": [], "latency_ms": 3.5, "fallback": None, **fields,
        }  # fmt: skip
        self.predictions.append([entry])
        return str(fields.get("prediction_id", prediction_id))

    def label(self, prediction_id: str, label: float = 1.0, model: str = MODEL) -> None:
        """Journal one label."""
        self.feedback.append(
            [{"model": model, "prediction_id": prediction_id, "label": label, "at": LATER}]
        )

    def fail(self, n: int = 1, **fields: Any) -> None:
        """Journal questions that nobody answered."""
        self.predictions.append(
            [{"kind": "failure", "model": MODEL, "version": "v1", "variant": "champion",
              "release_id": None, "at": NOON, "code": "unavailable", "why": "gone",
              "latency_ms": 1.0, "n": n, **fields}]
        )  # fmt: skip

    def close(self) -> None:
        """Free both."""
        self.predictions.close()
        self.feedback.close()


@pytest.fixture
def journals(make_project: Callable[..., Project]) -> Iterator[Journals]:
    """Empty journals of a project without any rows."""
    made = Journals(make_project(n_days=0))
    yield made
    made.close()


def tomorrow(moment: datetime = NOON, days: int = 1) -> datetime:
    """The same time on a later day."""
    return moment + timedelta(days=days)
