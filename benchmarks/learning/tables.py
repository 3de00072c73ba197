"""What the strategies came to, as tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from learning.running import Known, Lived

COLUMNS: tuple[tuple[str, Callable[[Known], float], str], ...] = (
    ("forward ROC AUC", lambda known: known.forward["roc_auc"], "{:.3f}"),
    ("forward log loss", lambda known: known.forward["log_loss"], "{:.3f}"),
    ("backward ROC AUC", lambda known: known.backward["roc_auc"], "{:.3f}"),
    ("backward log loss", lambda known: known.backward["log_loss"], "{:.3f}"),
    ("just learned ROC AUC", lambda known: known.now["roc_auc"], "{:.3f}"),
)
"""Means over all phases after the first."""
HEAD = (
    f"| learner | strategy | {' | '.join(name for name, *_ in COLUMNS)} | seconds | KB |\n"
    f"|---|---|{'---:|' * (len(COLUMNS) + 2)}"
)


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and half of its 95 % interval; NaN for a single one."""

    value: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """By Student's t, which takes the seeds as drawn independently.

        >>> Mean.of([1.0, 2.0, 3.0, 4.0, 5.0]).value
        3.0
        >>> round(Mean.of([1.0, 2.0, 3.0, 4.0, 5.0]).half, 4)
        1.9632
        """
        found = np.asarray(values, dtype=np.float64)
        if found.size < 2:
            return cls(float(found.mean()), math.nan)
        error = found.std(ddof=1) / math.sqrt(found.size)
        return cls(float(found.mean()), float(stats.t.ppf(0.975, found.size - 1) * error))

    def told(self, form: str) -> str:
        """With its interval, where there is one."""
        if math.isnan(self.half):
            return form.format(self.value)
        return f"{form.format(self.value)} ± {form.format(self.half)}"


def over_phases(lived: Lived, what: Callable[[Known], float]) -> float:
    """The mean of all phases."""
    return float(np.mean([what(each) for each in lived.after]))


def seconds(lived: Lived) -> float:
    """Of the processor, for learning all phases but the first."""
    return sum(each.seconds for each in lived.after)


def kilobytes(lived: Lived) -> float:
    """Of the last version."""
    return lived.after[-1].n_bytes / 1000


def table(found: Sequence[Lived], stream: str) -> str:
    """A stream's table: a line for each learner and strategy, in the order in which they came."""
    lines = [HEAD]
    for family, strategy in pairs(found):
        runs = runs_of(found, stream, family, strategy)
        if not runs:
            continue
        cells = [
            Mean.of([over_phases(run, what) for run in runs]).told(form)
            for _, what, form in COLUMNS
        ]
        cells.append(Mean.of([seconds(run) for run in runs]).told("{:.1f}"))
        cells.append(Mean.of([kilobytes(run) for run in runs]).told("{:,.0f}"))
        lines.append(f"| {family} | `{strategy}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def pairs(found: Sequence[Lived]) -> list[tuple[str, str]]:
    """Each learner with each of its strategies, once."""
    return list(dict.fromkeys((each.family, each.strategy) for each in found))


def runs_of(found: Sequence[Lived], stream: str, family: str, strategy: str) -> list[Lived]:
    """One strategy's runs, one for each seed."""
    wanted = (stream, family, strategy)
    return [each for each in found if (each.stream, each.family, each.strategy) == wanted]
