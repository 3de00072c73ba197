"""The bakery of the gateway's tests, whose window is ranked by two versions and the controller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from perennial.keep import releases
from perennial.keep.releases import Release
from perennial.release.controller import Controller
from perennial.release.mirroring import Mirrors
from perennial.release.servers import Servers

from ..serve.conftest import (  # noqa: TID252  # tests are no installed package
    DECLARED,
    MODEL,
    OTHER,
    QUESTION,
    VERSION,
    FakeSlot,
    Reply,
    Trial,
    bakery,
    make_gateway,
    make_trial,
    project,
    slot,
)
from .customers import Customers, Taste

__all__ = ["bakery", "make_gateway", "make_trial", "project", "slot"]

UNGUARDED = dict.fromkeys(
    ["latency", "score_shift", "score_distribution", "disagreement", "loss", "memory_mb"]
)
RELEASE: dict[str, Any] = {
    "kind": "interleave",
    "shadow": None,
    "interleave": {"min_queries": 40},
    "min_requests": 20,
    "parity": None,
    "guardrails": UNGUARDED,
}


def says(slot: FakeSlot, version: str, taste: Taste) -> None:
    """Let a slot answer by a taste."""

    def say(verb: str, columns: dict[str, list[Any]]) -> dict[str, Any]:
        scores = [taste(trays) for trays in columns["trays"]]
        return {"version": version, "scores": scores, "unknown": [[] for _ in scores]}

    slot.says = say


@dataclass
class Window:
    """The window during one release: customers come, the controller looks now and then."""

    trial: Trial
    customers: Customers = field(default_factory=Customers)
    controller: Controller = field(init=False)

    def __post_init__(self) -> None:
        self.controller = Controller(self.trial.bakery.project)

    @property
    def release(self) -> Release:
        """As the ledger has it."""
        return releases.find(self.trial.bakery.ledger, self.trial.release.id)

    def show(self, loaves: list[float]) -> Reply:
        """The gateway's ranking of some loaves."""
        query = [{**QUESTION, "trays": each} for each in loaves]
        return self.trial.bakery.post("/rank", query)

    def visit(self) -> None:
        """One customer: a ranking, and what was clicked of it and what not, told together."""
        loaves = self.customers.query()
        items = self.show(loaves).json["items"]
        clicked = self.customers.clicks([loaves[each["row"]] for each in items])
        told = [
            {"prediction_id": each["prediction_id"], "label": label}
            for each, label in zip(items, clicked, strict=True)
        ]
        assert self.trial.bakery.post("/feedback", told).json["accepted"] == len(items)

    def tick(self) -> None:
        """Let the controller look, and the gateway follow."""
        self.controller.tick()
        desk = self.trial.bakery.gateway.desks[MODEL]
        desk.router._read_at = -float("inf")
        self.trial.bakery.runner.run(desk._present())
        if (route := self.trial.bakery.ledger.live(MODEL)) and route.challenger is not None:
            version = route.challenger.version
            assert version is not None
            self.trial.bakery.until(lambda: desk.versions.challenger(version) is not None)

    def open(self, n: int, every: int = 10) -> Release:
        """`n` customers at most, until the release has been decided."""
        self.tick()
        for number in range(n):
            self.visit()
            if number % every == every - 1:
                self.tick()
                if self.release.state != "canary":
                    break
        return self.release


@pytest.fixture
def make_window(
    make_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Window]:
    """A function that begins a release between two tastes."""
    monkeypatch.setattr(Servers, "answers", lambda _, slot: True)
    monkeypatch.setattr(Mirrors, "follow", lambda _, model: None)  # there is no registry here

    def make(old: Taste, new: Taste, **changes: Any) -> Window:
        patient = {**DECLARED["serve"], "timeout_ms": 20_000}
        asked = {**RELEASE, **changes}
        trial = make_trial(kind="interleave", release=asked, serve=patient, is_begun=False)
        says(trial.bakery.slot, VERSION, old)
        says(trial.challenger, OTHER, new)
        return Window(trial)

    return make
