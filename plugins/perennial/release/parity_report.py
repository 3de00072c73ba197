"""What came of a comparison: counts, the first few mismatches in sentences, and a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from perennial.declare.model import Model
from perennial.declare.parity import Parity as Declared
from perennial.features.parity_given import GivenFeatures
from perennial.keep.report import Report
from perennial.release.parity_answers import Answered

MOST_TOLD = 5


class Mismatch(Report):
    """A value that an answer was made from and that it should not have been made from."""

    feature: str
    entity: dict[str, Any]
    asked_at: datetime
    prediction_id: str
    logged: Any
    recomputed: Any

    @property
    def says(self) -> str:
        """All of it in a sentence."""
        keys = ", ".join(f"{name}={value}" for name, value in self.entity.items())
        return (
            f"{self.feature} of {keys or 'the question'} at {self.asked_at:%Y-%m-%dT%H:%M:%SZ}: "
            f"logged {self.logged!r}, recomputed {self.recomputed!r}"
        )


class Parity(Report):
    """What came of recomputing the features of some answers."""

    model: str
    n_answers: int
    n_values: int
    n_mismatches: int
    by_feature: dict[str, int]
    """Only of features with any mismatch, the most first."""
    examples: tuple[Mismatch, ...]
    left_out: dict[str, int]
    """Answers that could not be compared, by why."""
    outcome: Literal["passed", "failed", "inconclusive"]
    says: str
    largest_share: float


def report(
    model: Model,
    features: GivenFeatures,
    declared: Declared,
    answers: Sequence[Answered],
    told: Sequence[int],
    found: dict[int, dict[str, Any]],
    left_out: Counter[str],
) -> Parity:
    """What is told of some answers, of which those in `found` differ."""
    by_feature = Counter(name for differs in found.values() for name in differs)
    share = max(by_feature.values(), default=0) / len(told) if told else 0.0
    examples = [
        Mismatch(
            feature=name,
            entity=_entity(features, name, answers[row].known),
            asked_at=answers[row].moment.asked_at,
            prediction_id=answers[row].prediction_id,
            logged=answers[row].logged[name],
            recomputed=value,
        )
        for row, differs in found.items()
        for name, value in differs.items()
    ]
    n_values = len(told) * len(features.inputs.names)
    outcome: Literal["passed", "failed", "inconclusive"] = "inconclusive"
    if told:
        outcome = "failed" if share > declared.max_share else "passed"
    return Parity(
        model=model.name,
        n_answers=len(told),
        n_values=n_values,
        n_mismatches=sum(by_feature.values()),
        by_feature=dict(by_feature.most_common()),
        examples=tuple(examples[:MOST_TOLD]),
        left_out=dict(left_out),
        outcome=outcome,
        says=_says(len(told), n_values, by_feature, examples[:MOST_TOLD], left_out, declared),
        largest_share=share,
    )


def _says(
    n: int,
    n_values: int,
    by_feature: Counter[str],
    examples: Sequence[Mismatch],
    left_out: Counter[str],
    declared: Declared,
) -> str:
    parts = [f"{n_values} values of {n} answers recomputed, {sum(by_feature.values())} differ"]
    if not n:
        parts = ["no answer could be compared"]
    if by_feature:
        shown = ", ".join(f"{name} in {k}" for name, k in by_feature.most_common(MOST_TOLD))
        parts.append(f"{shown} (allowed: {declared.max_share:.3g} of each)")
    parts += [each.says for each in examples]
    parts += [f"{count} left out {why}" for why, count in left_out.items()]
    return "parity: " + "; ".join(parts)


def _entity(features: GivenFeatures, name: str, known: dict[str, Any]) -> dict[str, Any]:
    """The keys of the entity that a feature is of; of what is made on demand, all of its own."""
    view = name.split("__")[0]
    keys = features.inputs.join_keys.get(view)
    if keys is None:
        asked = [each for each in features.inputs.on_demand if each.name == view]
        used = [p.name for each in asked for p in each.source_feature_view_projections.values()]
        keys = tuple(key for each in used for key in features.inputs.join_keys[each])
    return {key: known[key] for key in dict.fromkeys(keys)}
