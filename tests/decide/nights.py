"""Nights made by hand: reports of watch, and the facts that a policy decides on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from perennial.decide.facts import Facts
from perennial.decide.situation import situation_of
from perennial.declare.decide import Decide
from perennial.judge.judged import Value
from perennial.keep.release_changes import plan
from perennial.keep.releases import Release, ReleaseState
from perennial.watch.watched import Answered, Finding, Kind, Level, Performance, State, Watched

NIGHT = date(2024, 2, 10)
CHAMPION = "0123456789ab"


def finding(kind: Kind, level: Level = "alarm") -> Finding:
    """A finding whose sentence tells its kind and level."""
    return Finding(kind=kind, level=level, subject="x", sentence=f"{kind} is {level}")


def watched(
    state: State = "quiet",
    *findings: Finding,
    night: date = NIGHT,
    version: str | None = CHAMPION,
    performance: tuple[Performance, ...] = (),
    n_rows: int = 700,
) -> Watched:
    """The report of a night."""
    return Watched(
        model="ripeness", at=night, version=version, reference_from=date(2024, 1, 1),
        reference_until=date(2024, 2, 1), watched_from=night, watched_until=night, n_rows=n_rows,
        n_labelled=n_rows, state=state, is_real=None, findings=findings, columns=(),
        performance_from=None, performance_until=None, performance=performance, answered=Answered(),
    )  # fmt: skip


def performed(estimate: float, expected: float, n_rows: int = 700, n_days: int = 7) -> Performance:
    """The primary metric of the project of the tests, by hand."""
    return Performance(
        metric="roc_auc", value=Value(estimate=estimate, low=None, high=None),
        expected=Value(estimate=expected, low=None, high=None), n_rows=n_rows, n_days=n_days,
        state="as_expected",
    )  # fmt: skip


def release(state: ReleaseState, version: str = CHAMPION) -> Release:
    """A release in a state."""
    return replace(plan("ripeness", version, "blue", night="2024-02-08", why="test"), state=state)


def facts(
    report: Watched | None = None, declared: dict[str, Any] | None = None, **known: Any
) -> Facts:
    """A night on which everything is open, but for what is given."""
    report = report or watched()
    given: dict[str, Any] = {
        "night": NIGHT, "declared": Decide.model_validate(declared or {}), "watched": report,
        "situation": situation_of(report, known.get("serves", CHAMPION)),
        "train_until": date(2024, 2, 3), "serves": CHAMPION, "learned_until": date(2024, 2, 1),
        "trained_at": date(2024, 2, 1), "release": None, "trainings": (),
        "learnings": known.get("trainings", ()), "regret": 0.0, **known,
    }  # fmt: skip
    return Facts(**given)
