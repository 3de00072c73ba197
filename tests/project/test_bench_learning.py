"""The streams of the learning benchmark are what they claim, and it measures what it says."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perennial.learn.contract import Evidence, Start
from perennial.learn.evidence_rows import keys, plain_table

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STREAMS = ("shifted", "recurring")
N = 400


@pytest.fixture(scope="module")
def learning() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(BENCHMARKS)
        names = ("streams", "running", "tables")
        yield SimpleNamespace(
            **{name: importlib.import_module(f"learning.{name}") for name in names}
        )


def known(evidence: Evidence) -> list[int]:
    """A number for each row by its content, label and day: gaps compare as equal."""
    return [int(each) for each in keys(plain_table(evidence), 0)]


class Witness:
    """A learner that answers the same to everything, and remembers which days it was asked of."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def predict(self, rows: Any) -> Any:
        self.asked.append(rows)
        return np.full(rows.num_rows, 0.5)

    def save(self) -> dict[str, bytes]:
        return {"model": b"12345"}


@pytest.mark.parametrize("stream", STREAMS)
def test_the_same_seed_gives_the_same_phases_however_many(learning: Any, stream: str) -> None:
    few, many = (learning.streams.phases(stream, 3, n, N) for n in (2, 4))
    other = learning.streams.phases(stream, 4, 2, N)
    for place in range(2):
        assert known(few[place].learned) == known(many[place].learned)
        assert known(few[place].held_out) == known(many[place].held_out)
        assert not set(known(few[place].learned)) & set(known(other[place].learned))


@pytest.mark.parametrize("stream", STREAMS)
def test_held_out_rows_are_of_the_same_days_and_never_learned(learning: Any, stream: str) -> None:
    first, second = learning.streams.phases(stream, 3, 2, N)
    for phase in (first, second):
        assert phase.learned.labels.size == phase.held_out.labels.size == N
        assert np.unique(phase.learned.days).size == learning.streams.DAYS
        assert set(phase.learned.days) == set(phase.held_out.days)
        assert not set(known(phase.learned)) & set(known(phase.held_out))
    assert first.learned.days.max() < second.first_days.days.min()
    assert np.unique(second.first_days.days).size == learning.streams.FIRST_DAYS


def test_missing_values_and_categories_are_among_the_columns(learning: Any) -> None:
    rows = learning.streams.phases("shifted", 3, 1, N)[0].learned.rows
    assert np.isnan(np.asarray(rows["age"])).mean() == pytest.approx(0.15, abs=0.05)
    assert {"north", "isles"} < set(rows["region"].to_pylist())


def quality_after_the_first(learning: Any, stream: str) -> list[float]:
    """ROC AUC on the held-out rows of five phases of a learner that knows only the first."""
    running = learning.running
    phases = learning.streams.phases(stream, 3, 5, 3 * N)
    declared = running.declared_for("lightgbm", 3, "full", {})
    fit = running.fit_of("lightgbm")
    learner = fit(phases[0].learned, "binary", declared, lambda _: None).learner
    return [running.quality(learner, each.held_out)["roc_auc"] for each in phases]


def test_what_was_learned_is_worth_less_from_phase_to_phase(learning: Any) -> None:
    found = quality_after_the_first(learning, "shifted")
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.8
    assert found[4] < 0.6


def test_seasons_come_back_as_they_were(learning: Any) -> None:
    found = quality_after_the_first(learning, "recurring")
    assert min(found[0], found[2], found[4]) > 0.8
    assert max(found[1], found[3]) < 0.7


def test_forward_is_asked_of_days_to_come_and_backward_of_the_past(learning: Any) -> None:
    phases = learning.streams.phases("recurring", 3, 4, N)
    witness = Witness()
    told = learning.running._asked(phases, 2, Start(witness, {"state": b"123"}), 1.5)
    expected = [each.held_out.rows for each in phases[:2]]
    expected += [phases[3].first_days.rows, phases[2].held_out.rows]
    assert len(witness.asked) == len(expected)
    for found, wanted in zip(witness.asked, expected, strict=True):
        assert found["price"].equals(wanted["price"])
    assert told.backward == {"roc_auc": 0.5, "log_loss": pytest.approx(math.log(2))}
    assert (told.phase, told.seconds, told.n_bytes) == (2, 1.5, 8)


def test_every_strategy_lives_through_every_later_phase(learning: Any) -> None:
    asked = ("window", "refit", "rehearsal", "combined")
    found = learning.running.live("recurring", 3, "lightgbm", asked, n_phases=4, n_rows=N)
    assert [each.strategy for each in found] == [*asked]
    assert all([after.phase for after in each.after] == [1, 2, 3] for each in found)
    _, refit, rehearsal, _ = (each.after[-1] for each in found)
    assert rehearsal.n_bytes > refit.n_bytes  # its reservoir lies beside it
    assert rehearsal.backward["roc_auc"] > found[0].after[-1].backward["roc_auc"]
    text = learning.tables.table(found, "recurring")
    assert len(text.splitlines()) == 2 + len(asked)
    assert "±" not in text  # one seed has no interval


def test_living_again_gives_the_same(learning: Any) -> None:
    once, again = (
        learning.running.live("shifted", 3, "lightgbm", ("extend",), n_phases=2, n_rows=N)[0]
        for _ in range(2)
    )
    assert once.after[0].forward == again.after[0].forward
    assert once.after[0].n_bytes == again.after[0].n_bytes


def test_an_unknown_stream_is_refused(learning: Any) -> None:
    with pytest.raises(ValueError, match="stream must be one of shifted, recurring, got 'other'"):
        learning.streams.phases("other", 1, 1, N)
