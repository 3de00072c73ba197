"""The candidate beside each opponent, over the same rows and the same resamples of days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perennial.declare.model import Model
from perennial.judge.judged import Beside, Opponent, Slice, Value, finite
from perennial.learn.contract import FloatArray
from perennial.measure.intervals import compare, metric_intervals
from perennial.measure.metrics import METRICS
from perennial.train.labelled_rows import LabelledRows

MAX_SLICES = 50
OTHERS = "(all others)"


@dataclass(frozen=True)
class Comparer:
    """The judged rows and what the candidate answered for them."""

    model: Model
    judged: LabelledRows
    scores: FloatArray

    def metrics(self) -> dict[str, Value]:
        """The candidate's own metrics, with intervals by day."""
        everything = np.ones(self.judged.n_rows, dtype=np.bool_)
        return self._intervals(everything, self.model.judge.metrics)

    def beside(self, name: str, is_champion: bool, scores: FloatArray) -> Opponent:
        """The candidate against one opponent's answers."""
        declared = self.model.judge
        found = compare(
            {name: METRICS[name].prepare for name in declared.metrics},
            self.judged.labels,
            scores,
            self.scores,
            seed=self.model.train.seed,
            groups=self.judged.days,
            n_resamples=declared.resamples,
            confidence=declared.confidence,
        )
        metrics = {metric: Beside.of(comparison) for metric, comparison in found.items()}
        kind = "champion" if is_champion else "baseline"
        return Opponent.model_validate({"name": name, "kind": kind, "metrics": metrics})

    def slices(self) -> list[Slice]:
        """The candidate by the values of each declared column, the most frequent first."""
        return [
            each
            for column in self.model.judge.slices
            for each in self._slices_of(column, self.judged.features[column].to_pylist())
        ]

    def _slices_of(self, column: str, values: list[object]) -> list[Slice]:
        texts = np.array([None if each is None else str(each) for each in values], dtype=object)
        counted: dict[str | None, int] = {}
        for text in texts:
            counted[text] = counted.get(text, 0) + 1
        ranked = sorted(counted, key=lambda text: (-counted[text], text is None, text or ""))
        found = [
            self._slice(column, text, np.array([each == text for each in texts]))
            for text in ranked[:MAX_SLICES]
        ]
        if len(ranked) > MAX_SLICES:
            rest = set(ranked[MAX_SLICES:])
            found.append(self._slice(column, OTHERS, np.array([each in rest for each in texts])))
        return found

    def _slice(self, column: str, value: str | None, is_in: np.ndarray) -> Slice:
        labels, scores = self.judged.labels[is_in], self.scores[is_in]
        primary = self.model.judge.primary
        return Slice(
            column=column,
            value=value,
            n_rows=int(is_in.sum()),
            mean_label=float(labels.mean()),
            metrics={
                name: finite(METRICS[name].function(labels, scores))
                for name in self.model.judge.metrics
            },
            primary=self._intervals(is_in, (primary,))[primary],
        )

    def _intervals(self, is_in: np.ndarray, names: tuple[str, ...]) -> dict[str, Value]:
        declared = self.model.judge
        found = metric_intervals(
            {name: METRICS[name].prepare for name in names},
            self.judged.labels[is_in],
            self.scores[is_in],
            seed=self.model.train.seed,
            groups=self.judged.days[is_in],
            n_resamples=declared.resamples,
            confidence=declared.confidence,
        )
        return {name: Value.of(interval) for name, interval in found.items()}
