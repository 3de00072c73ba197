"""One policy lived through, night after night, with what was known on each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from perennial.declare.model import Model
from perennial.errors import NotEnoughEvidenceError, UnavailableError
from perennial.keep.ledger import serving
from perennial.learn.contract import FloatArray
from perennial.replay.policies.asked import TRIGGERED, Asked
from perennial.replay.policies.days import Days
from perennial.replay.policies.promotion import promote, route
from perennial.replay.policies.records import Learned, Night, Records
from perennial.replay.policies.seeing import Eyes, unseen
from perennial.replay.policies.world import World
from perennial.watch.champion import Champion, champion_of

FIRST = "the first version, the same for every policy"


@dataclass(frozen=True)
class _Done:
    """What one night came to."""

    decision: str
    why: str
    situation: str
    training: Learned | None


@dataclass
class Life:
    """What one policy's world has in memory."""

    world: World
    model: Model
    asked: Asked
    days: Days
    records: Records

    def __post_init__(self) -> None:
        self.eyes = Eyes(self.world, self.model, self.days)
        self._champion: Champion | None = None

    @property
    def champion(self) -> Champion:
        """What answers now, parsed once for as long as it does."""
        now = serving(self.world, self.model.name)
        if self._champion is None or now is None or now.version != self._champion.version:
            self._champion = champion_of(self.world, self.model.name)
            self.eyes.forget()
        if self._champion is None:
            raise UnavailableError(f"model {self.model.name}: nothing serves in this world")
        return self._champion


def live(life: Life, nights: list[date], first: Learned, step: Callable[[int], None]) -> None:
    """Live the nights that are not kept yet.

    What a killed replay did on a night that it did not keep is done again: the version that
    answered before it answers again first.
    """
    kept = life.records.nights()
    if kept:
        route(life.world, life.model.name, kept[-1].serves, "the night after is lived anew")
    step(len(kept))
    for night in nights[len(kept) :]:
        _live(life, night, first if night == nights[0] else None)
        step(1)


def _live(life: Life, night: date, first: Learned | None) -> None:
    began = time.monotonic()
    done = _night(life, night) if first is None else _Done("retrain", FIRST, "unknown", first)
    champion = life.champion
    labels, scores = _answer(life, champion, night)
    life.records.keep(
        Night(
            night=night, decision=done.decision, why=done.why, situation=done.situation,
            training=done.training,
            serves=champion.version, n_rows=int(labels.size),
            seconds=round(time.monotonic() - began, 3),
        ),
        labels,
        scores,
    )  # fmt: skip


def _night(life: Life, night: date) -> _Done:
    """See, decide, and act on it."""
    from perennial.decide import decide

    champion, policy = life.champion, life.model.decide.policy
    if policy in TRIGGERED:
        life.eyes.look(champion, night, columns=policy != "performance")
    else:
        unseen(life.world, life.model, champion, night)
    decided = decide(life.model.name, str(night), project=life.world)
    training = None
    if decided.strategy is not None:
        strategy = life.asked.strategy or decided.strategy
        window = life.asked.window_days
        training = learn(life.world, life.model, night, strategy, window)
    return _Done(decided.decision, decided.why, decided.situation, training)


def learn(world: World, model: Model, night: date, strategy: str, window_days: str = "") -> Learned:
    """Train, judge, and let a blessed candidate answer: the stages' own functions."""
    from perennial.judge import judge
    from perennial.train import train

    until = night - timedelta(days=model.judge.held_back_days)
    began, worked = time.monotonic(), time.process_time()
    version, outcome, why = None, "not_enough_evidence", ""
    try:
        trained = train(model.name, str(night), str(until), strategy, window_days, project=world)
        version = trained.version
    except NotEnoughEvidenceError as error:
        why = str(error)
    seconds, processor = time.monotonic() - began, time.process_time() - worked
    if version is not None:
        try:
            judged = judge(model.name, str(night), project=world)
            outcome, why = judged.verdict, "; ".join(judged.reasons)
            if judged.verdict == "blessed":
                promote(world, model.name, judged)
        except NotEnoughEvidenceError as error:
            why = str(error)
    return Learned(
        strategy=strategy, version=version, outcome=outcome, why=why, seconds=round(seconds, 3),
        processor_seconds=round(processor, 3),
    )  # fmt: skip


def _answer(life: Life, champion: Champion, day: date) -> tuple[FloatArray, FloatArray]:
    """Labels (n,) and the champion's answers (n,) for the day's questions that have a label."""
    found = life.days.read(day)
    if found is None:
        return np.empty(0), np.empty(0)
    scores = life.eyes.answer(champion, day)
    has_label = ~np.isnan(found.labels)
    return found.labels[has_label], scores[has_label]
