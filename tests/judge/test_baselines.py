from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.judge.baselines import rate_by, yesterday
from perennial.train.labelled_rows import LabelledRows


def rows(
    labels: list[float], days: list[str], colours: list[str | None], **more: Any
) -> LabelledRows:
    asked = np.array(days, dtype="datetime64[D]")
    known = more.get("known_at", [f"{day}T12:00" for day in days])
    return LabelledRows(
        start=date(2024, 1, 1),
        end=date(2024, 2, 1),
        features=pa.table({"colour": pa.array(colours, pa.string())}),
        labels=np.array(labels),
        days=asked,
        known_at=np.array(known, dtype="datetime64[us]"),
        n_unlabelled=0,
        n_not_yet_known=0,
    )


def test_rate_by_answers_with_the_mean_of_the_group() -> None:
    learned = rows([1, 1, 0, 0, 0], ["2024-01-01"] * 5, ["red", "red", "red", "blue", None])
    judged = rows([0] * 4, ["2024-01-02"] * 4, ["red", "blue", "new", None])
    overall = 0.4
    expected = [(2 + overall) / 4, overall / 2, overall, overall / 2]
    np.testing.assert_allclose(rate_by(("colour",), judged, learned), expected)


def test_yesterday_counts_only_what_was_known_when_the_day_began() -> None:
    days = ["2024-01-01", "2024-01-01", "2024-01-02"]
    known = ["2024-01-01T20:00", "2024-01-02T00:00:01", "2024-01-02T20:00"]
    recent = rows([1, 0, 1], days, ["red"] * 3, known_at=known)
    judged = rows([0, 0], ["2024-01-02", "2024-01-03"], ["red"] * 2)
    answered = yesterday(recent, judged, overall=0.2)
    np.testing.assert_allclose(answered, [(1 + 0.2) / 2, (1 + 0.2) / 2])


def test_yesterday_without_known_labels_answers_with_the_mean_of_all() -> None:
    judged = rows([0], ["2024-01-09"], ["red"])
    assert yesterday(judged, judged, overall=0.2) == pytest.approx([0.2])
