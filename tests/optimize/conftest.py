from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from perennial.learn.contract import Learner
from perennial.optimize.optimized import Costs, Times
from perennial.train import train

LEARN, NIGHT = "2024-01-21", "2024-01-31"


class Registry:
    """MLflow takes seconds: this only writes down what it is told."""

    told: list[tuple[str, str]]

    def __init__(self, project: Any) -> None: ...

    def register(self, trained: Any, curve: Any) -> int:
        return 1

    def register_form(self, model: str, digest: str, trained: str, facts: Any) -> int:
        type(self).told.append((digest, trained))
        return 2


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The forms that were registered: their digests, and those of what was trained."""
    Registry.told = []
    monkeypatch.setattr("perennial.train.registry.Registry", Registry)
    return Registry.told


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """No process is started: a form takes the milliseconds of its class's name here, else 1."""
    milliseconds: dict[str, float] = {}

    def costs_of(learner: Learner, answering: Mapping[str, bytes], features: Any) -> Costs:
        taken = milliseconds.get(type(learner).__name__, 1.0)
        times = Times(p50=taken, p99=taken)
        size = sum(len(content) for content in answering.values())
        return Costs(
            size_bytes=size, memory_mb=10, one_row_ms=times, batch_ms=times,
            rows_per_second=1000 / taken, model_ms=times,
        )  # fmt: skip

    monkeypatch.setattr("perennial.optimize.trials.costs_of", costs_of)
    return milliseconds


@pytest.fixture
def make_trained(make_project: Any) -> Any:
    """A function that makes a project with a trained candidate and an `optimize:` declared."""

    def make(task: str = "binary", **optimize: Any) -> Any:
        project = make_project(task=task, optimize={"max_metric_drop": 0.02, **optimize})
        train("ripeness", LEARN, project=project)
        return project

    return make
