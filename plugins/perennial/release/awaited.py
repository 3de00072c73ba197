"""Answers whose copy or label may still come, and the losses that a label tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perennial.keep.journal import Entry
from perennial.release.seen import Group, Phase

MOST_WAITING = 100_000
"""Answers that are remembered until their copy and their label come; the oldest are let go."""


@dataclass
class Answer:
    """An answer whose copy or label may still come."""

    phase: Phase
    is_new: bool
    score: float
    groups: tuple[Group, ...]
    is_ranked: bool = False
    """Whether its label is a click, which is no truth: of what stands on top more is clicked."""
    copy: float | None = None


class Awaited:
    """Follows answers until their labels come.

    The loss is the squared distance of a probability, and the distance of any other score.
    """

    def __init__(self, is_probability: bool) -> None:
        self.n_let_go = 0
        self._is_probability = is_probability
        self._answers: dict[str, Answer] = {}

    def add(self, prediction_id: str, answer: Answer) -> None:
        """Remember an answer."""
        if len(self._answers) >= MOST_WAITING:
            self._answers.pop(next(iter(self._answers)))
            self.n_let_go += 1
        self._answers[prediction_id] = answer

    def find(self, prediction_id: str) -> Answer | None:
        """The answer of that name; None when there was none, or it waits no longer."""
        return self._answers.get(prediction_id)

    def take(self, labels: Sequence[Entry]) -> None:
        """Add the losses of the answers that journaled labels are of; the first of each counts."""
        for each in labels:
            self._label(each.content)

    def _label(self, content: dict[str, Any]) -> None:
        answer = self.find(content.get("prediction_id", ""))
        label = content.get("label")
        if answer is None or not isinstance(label, int | float) or not math.isfinite(label):
            return
        if answer.is_ranked:  # what is still waited for is its copy
            return
        del self._answers[content["prediction_id"]]
        loss = self._loss(answer.score, label)
        other = None if answer.copy is None else self._loss(answer.copy, label)
        for phase in answer.phase.of(answer.groups):
            arm, pairs = phase.arm(answer.is_new), phase.pairs
            arm.losses = arm.losses.add(loss)
            if other is not None:
                worse = loss - other if answer.is_new else other - loss
                pairs.losses = pairs.losses.add(worse)

    def _loss(self, score: float, label: float) -> float:
        return (score - label) ** 2 if self._is_probability else abs(score - label)
