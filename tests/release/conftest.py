"""A project with two proven slots, and traffic that is journaled as the gateway does it."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from perennial.declare.project import Project
from perennial.keep.journal import Journal
from perennial.keep.ledger import Ledger, Route, State, bento_folder
from perennial.release import mirroring
from perennial.release.releasing import release
from perennial.release.servers import Servers

MODEL = "ripeness"
NIGHT = "2024-02-01"

Score = Callable[[float], float | None]
"""What a version says to a question of a given ripeness; None when it fails."""


def good(ripeness: float) -> float:
    """What both versions of a harmless release say."""
    return ripeness


def slightly_other(ripeness: float) -> float:
    """A new training of the same: close, never the same."""
    return min(1.0, max(0.0, ripeness + 0.02 * math.sin(40 * ripeness)))


def opposite(ripeness: float) -> float:
    """Answers in time, with 200, and is wrong."""
    return 1 - ripeness


def constant(_: float) -> float:
    """Always the same."""
    return 0.5


def failing(_: float) -> None:
    """Never answers."""
    return


def package(project: Project, version: str) -> None:
    """Make `version` the one that was packaged last."""
    bento_folder(project, MODEL, version).mkdir(parents=True, exist_ok=True)
    pointer = project.var / "models" / MODEL / "packaged.json"
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text(json.dumps({"version": version}), encoding="utf-8")


def put(project: Project, version: str, slot: str, state: State = "proven") -> None:
    """Package `version` and have it on a slot."""
    package(project, version)
    Ledger.of(project).set_slot(MODEL, slot, version, state)


@pytest.fixture
def champions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions that became champion in the registry of models."""
    named: list[str] = []

    def set_champion(_: Project, model: str, version: str) -> int:
        named.append(f"{model} {version}")
        return len(named)

    monkeypatch.setattr(mirroring, "set_champion", set_champion)
    return named


@dataclass
class Traffic:
    """Questions to one model, split and journaled by the route of the moment."""

    project: Project
    old: Score = good
    new: Score = good
    new_ms: float = 5.0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    labels: list[tuple[str, float]] = field(default_factory=list)
    is_open: bool = True

    def __post_init__(self) -> None:
        self.ledger = Ledger.of(self.project)
        self.answers = Journal(self.project.var / "journal" / "predictions")
        self.feedback = Journal(self.project.var / "journal" / "feedback")

    def close(self) -> None:
        """Let others write the journals."""
        if self.is_open:
            self.answers.close()
            self.feedback.close()
        self.is_open = False

    def ask(self, n: int) -> None:
        """Ask `n` questions; their labels are known later."""
        route = self.ledger.live(MODEL)
        assert route is not None
        made: list[dict[str, Any]] = []
        for _ in range(n):
            made += self._ask(route, float(self.random.beta(2, 3)))
        self.answers.append(made)

    def tell_labels(self) -> None:
        """Send the labels of all that was asked."""
        entries = [{"model": MODEL, "prediction_id": i, "label": y} for i, y in self.labels]
        if entries:
            self.feedback.append(entries)
        self.labels.clear()

    def _ask(self, route: Route, ripeness: float) -> list[dict[str, Any]]:
        is_tried = route.challenger is not None and self.random.random() < route.weight
        slot = route.challenger if is_tried else route.champion
        assert slot is not None
        assert slot.version is not None
        score, ms = self._says(slot.version, ripeness)
        variant = "challenger" if is_tried else "champion"
        entry: dict[str, Any] = {
            "kind": "answer",
            "prediction_id": uuid.uuid4().hex,
            "model": MODEL,
            "version": slot.version,
            "variant": variant,
            "slot": slot.slot,
            "release_id": route.release_id,
            "score": score,
            "latency_ms": ms,
            "fallback": None,
        }
        if score is None and is_tried:
            why = {"version": slot.version, "why": "500", "latency_ms": ms}
            champion = route.champion.version
            assert champion is not None
            entry |= {"version": champion, "variant": "champion", "fallback": why}
            entry["score"] = self._says(champion, ripeness)[0]
        elif score is None:
            kept = ("model", "version", "variant", "release_id", "latency_ms")
            failure = {"kind": "failure", "code": "unavailable", "why": "500", "n": 1}
            entry = {**{key: entry[key] for key in kept}, **failure}
        if entry["kind"] == "answer":
            self.labels.append((entry["prediction_id"], float(self.random.random() < ripeness)))
            return [entry, *self._copy(route, entry, ripeness)]
        return [entry]

    def _copy(self, route: Route, entry: dict[str, Any], ripeness: float) -> list[dict[str, Any]]:
        if route.challenger is None or route.challenger.version is None:
            return []
        if self.random.random() >= route.shadow:
            return []
        score, ms = self._says(route.challenger.version, ripeness)
        kept = {key: entry[key] for key in ("prediction_id", "model", "release_id")}
        says = {"score": score, "why": "500" if score is None else None, "latency_ms": ms}
        return [{"kind": "shadow", "version": route.challenger.version, **kept, **says}]

    def _says(self, version: str, ripeness: float) -> tuple[float | None, float]:
        is_old = version == "v1"
        return (self.old if is_old else self.new)(ripeness), 5.0 if is_old else self.new_ms


@pytest.fixture
def make_traffic(project: Project) -> Iterator[Callable[..., Traffic]]:
    """A function that begins traffic to the project of the test; what went before ends."""
    made: list[Traffic] = []

    def make(**fields: Any) -> Traffic:
        for before in made:  # a journal has one writer
            before.close()
        made.append(Traffic(project, **fields))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def make_offered(
    make_project: Callable[..., Project], champions: list[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Any], Project]:
    """Makes a project by a declared release: v1 answers, v2 is proven and its server is there."""

    def make(declared: Any) -> Project:
        made = make_project(n_days=0, release=declared)
        Ledger.of(made).reserve(MODEL, 4100)
        put(made, "v1", "blue")
        release(MODEL, "2024-01-31", project=made)
        put(made, "v2", "green")
        monkeypatch.setattr(Servers, "answers", lambda _, slot: slot.version == "v2")
        monkeypatch.setattr(
            mirroring.Mirrors, "follow", lambda _, model: mirroring.mirror(made, model)
        )
        return made

    return make
