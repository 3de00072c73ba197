"""Bad candidates are never promoted: real questions, the real gateway, the real controller.

Each goes back within the stated number of questions, and the record says which guardrail did it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from perennial.keep import releases
from perennial.keep.releases import Release
from perennial.release import followed, machine, mirroring
from perennial.release.controller import Controller

from .conftest import DECLARED, MODEL, OTHER, QUESTION, VERSION, Bakery, FakeSlot, Trial, scored
from .test_gateway import counted

pytestmark = [pytest.mark.faults, pytest.mark.timeout(280)]

Columns = dict[str, list[Any]]
Says = Callable[[str, Columns], Any]

RELEASE = {
    "sticky_by": ["shop"],
    "shadow": {"min_requests": 60},
    "steps": [0.5],
    "min_requests": 60,
    "guardrails": {"errors": 0.1, "memory_mb": 20, "slices": ["shop"]},
}
SHOPS = ["north", *(f"shop {n}" for n in range(4))]


@dataclass
class Night:
    """A release that the controller leads while questions come."""

    trial: Trial
    asked: int = 0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(4))

    def __post_init__(self) -> None:
        self.bakery: Bakery = self.trial.bakery
        self.controller = Controller(self.bakery.project)
        self.bakery.slot.tells = lambda path: {"version": VERSION, "memory_mb": 200.0}

    @property
    def now(self) -> Release:
        return releases.find(self.bakery.ledger, self.trial.release.id)

    @property
    def states(self) -> list[str]:
        record = releases.record(self.bakery.ledger, self.trial.release.id)
        return [each.state for each in record]

    def tick(self) -> None:
        """Let the controller look, and the gateway know what it did."""
        before = self.now.revision
        self.controller.tick()
        if self.now.revision != before:
            desk = self.bakery.gateway.desks[MODEL]
            desk.router._read_at = -float("inf")
            self.bakery.runner.run(desk._present())
            if self.now.state in ("shadow", "canary"):
                self.bakery.until(lambda: desk.versions.challenger(OTHER) is not None)

    def ask(self, n: int) -> None:
        """Ask `n` questions; each is answered, and its copy has come to its end."""
        copies = ("answered", "failed", "dropped")
        before = self._copies(copies)
        for _ in range(n):
            shop, trays = str(self.random.choice(SHOPS)), int(self.random.integers(101))
            reply = self.bakery.predict({**QUESTION, "shop": shop, "trays": trays})
            assert reply.status == 200
        self.asked += n
        if self.now.state == "shadow":
            self.bakery.until(lambda: self._copies(copies) - before >= n)

    def live(self, most: int, until: tuple[str, ...] = ("promoted", "rolling_back")) -> Release:
        """Ask and tick in turn until a state is reached, or `most` questions are asked."""
        self.tick()
        while self.now.state not in until and self.asked < most:
            self.ask(10)
            self.tick()
        return self.now

    @staticmethod
    def _copies(outcomes: tuple[str, ...]) -> float:
        found = "perennial_shadow_copies_total"
        return sum(counted(found, model=MODEL, outcome=each) for each in outcomes)


@pytest.fixture
def night(
    make_gateway: Callable[..., Bakery], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Night]]:
    """A function that begins a release of a candidate that says something."""
    monkeypatch.setattr(followed, "MEMORY_SECONDS", 0.0)
    monkeypatch.setattr(machine, "SETTLE", machine.SETTLE * 0)
    monkeypatch.setattr(mirroring.Mirrors, "follow", lambda _, model: None)
    slots: list[FakeSlot] = []

    def begin(says: Says, timeout_ms: int = 5000, **changes: Any) -> Night:
        slots.append(FakeSlot())
        serve = {**DECLARED["serve"], "timeout_ms": timeout_ms}
        begun = Night(Trial(make_gateway(release={**RELEASE, **changes}, serve=serve), slots[-1]))
        slots[-1].says = says
        slots[-1].tells = lambda path: {"version": OTHER, "memory_mb": 200.0}
        return begun

    yield begin
    for each in slots:
        each.stop()


def answering(score: Callable[[float, str], Any]) -> Says:
    """A candidate that scores trays and shop so."""

    def say(verb: str, columns: Columns) -> Any:
        each = zip(columns["trays"], columns["shop"], strict=True)
        scores = [score(float(trays), shop) for trays, shop in each]
        return {**scored(columns, verb), "version": OTHER, "scores": scores}

    return say


def good(trays: float, _: str) -> float:
    """Close to the champion's score, and never the same."""
    return float(np.clip(trays / 100 + 0.02 * np.sin(trays), 0, 1))


def slow(verb: str, columns: Columns) -> Any:
    time.sleep(1)  # this is the fault
    return answering(good)(verb, columns)


def hanging(verb: str, columns: Columns) -> Any:
    time.sleep(3)  # longer than the gateway waits, and than the test lets it live
    return answering(good)(verb, columns)


BAD: dict[str, tuple[Says, str, int]] = {
    "5xx": (lambda verb, columns: (500, b"Internal Server Error"), "errors:", 60),
    "slow by 1 s": (slow, "latency:", 150),
    "hanging": (hanging, "errors:", 60),
    "NaN": (answering(lambda *_: float("nan")), "errors:", 60),
    "out of range": (answering(lambda *_: 1.5), "errors:", 60),
    "constant": (answering(lambda *_: 0.5), "disagreement:", 100),
    "inverted": (answering(lambda trays, _: 1 - trays / 100), "disagreement:", 60),
    "fails for one shop": (
        lambda verb, columns: (
            (500, b"") if "north" in columns["shop"] else answering(good)(verb, columns)
        ),
        "slices: where shop is north, errors:",
        1200,
    ),
    "wrong for one shop": (
        answering(lambda trays, shop: 0.99 if shop == "north" else good(trays, shop)),
        "slices: where shop is north, score_shift:",
        1500,
    ),
}
"""What it says, which guardrail finds it, and within how many questions."""


@pytest.mark.parametrize("name", BAD)
def test_a_bad_candidate_goes_back_and_the_record_says_why(
    night: Callable[..., Night], name: str
) -> None:
    says, why, most = BAD[name]
    limits: dict[str, Any] = {**RELEASE["guardrails"]}  # type: ignore[dict-item]
    if why.startswith("slices"):  # so that overall it is good enough
        limits |= {"errors": 0.3, "score_shift": 0.2}
    begun = night(says, 600 if name == "hanging" else 5000, guardrails=limits)
    found = begun.live(most)
    assert found.state == "rolling_back", found.measured
    assert why in found.why
    assert "promoted" not in begun.states
    begun.tick()
    assert begun.now.state == "rolled_back"
    assert begun.bakery.predict(QUESTION).json["version"] == VERSION


def test_a_slowly_leaking_candidate_goes_back(night: Callable[..., Night]) -> None:
    """100 MB in 1,000 requests, all answers being right, in time."""
    begun = night(answering(good))
    slot = begun.trial.challenger
    slot.tells = lambda path: {"version": OTHER, "memory_mb": 200 + len(slot.asked) * 0.1}
    found = begun.live(1000)
    assert found.state == "rolling_back", found.measured
    assert "memory_mb: in" in found.why
    assert "promoted" not in begun.states


def test_its_healthy_twin_is_promoted(night: Callable[..., Night]) -> None:
    begun = night(answering(good))
    found = begun.live(3000)
    assert begun.states == ["pending", "shadow", "canary", "promoted"], found.measured
    assert begun.bakery.predict(QUESTION).json["version"] == OTHER
