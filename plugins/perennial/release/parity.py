"""Recomputes what answers were made from, value by value, and names what differs.

Answers are taken from the journal of predictions. Their features are looked up again in the very
way of the gateway, but out of what the views should have held (`features.parity_past`): on-demand
views run again on that, and request fields are as they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, product
from typing import Any, Literal

import orjson

from perennial.declare.model import Model
from perennial.declare.parity import Parity as Declared
from perennial.declare.project import Project
from perennial.features.entity_reads import Entity
from perennial.features.parity_past import GivenFeatures, Held, Moment, Past
from perennial.keep.report import Report
from perennial.release.parity_values import is_equal
from perennial.serve.questions import QuestionParser
from perennial.serve.refusals import RefusedError

MOST_TOLD = 5
AT_A_TIME = 50
MOST_WAYS = 64
"""Combinations of what the views may have held that are tried for one answer."""


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


@dataclass(frozen=True)
class Answered:
    """One journaled answer that can be compared."""

    prediction_id: str
    known: dict[str, Any]
    logged: dict[str, Any]
    moment: Moment


def compare(
    project: Project, model: Model, entries: Sequence[dict[str, Any]], declared: Declared
) -> Parity:
    """Recompute the features of journaled answers as of their own time."""
    features = GivenFeatures(project, model)
    answers, left_out = understood(model, features, entries)
    past = Past(
        project,
        features,
        [each.known for each in answers],
        [each.moment for each in answers],
        declared.slow_hours,
    )
    told = [row for row in range(len(answers)) if past.is_told_of(row)]
    if len(told) < len(answers):
        left_out["of events that were forgotten since"] = len(answers) - len(told)
    found = _differing(features, answers, past, told, declared.max_share)
    return _report(model, features, declared, answers, told, found, left_out)


def understood(
    model: Model, features: GivenFeatures, entries: Sequence[dict[str, Any]]
) -> tuple[list[Answered], Counter[str]]:
    """The answers with typed fields; the others are counted by why they are left out."""
    parser, names = QuestionParser(model), set(features.inputs.names)
    found: list[Answered] = []
    left_out: Counter[str] = Counter()
    for entry in entries:
        if set(entry.get("features") or ()) != names:
            left_out["with other features than are declared now"] += 1
            continue
        try:
            ((question,), _) = parser.parse(orjson.dumps(entry["request"]))
        except RefusedError:
            left_out["to questions that the declared form refuses now"] += 1
            continue
        found.append(
            Answered(entry["prediction_id"], question.known, entry["features"], _moment(entry))
        )
    return found, left_out


def _moment(entry: dict[str, Any]) -> Moment:
    at = datetime.fromisoformat(entry["at"])
    took = timedelta(milliseconds=float(entry.get("latency_ms") or 0.0))
    later = frozenset(entry.get("later") or ())
    return Moment(datetime.fromisoformat(entry["asked_at"]), at - took, at, later)


def _differing(
    features: GivenFeatures,
    answers: Sequence[Answered],
    past: Past,
    told: Sequence[int],
    allowed: float,
) -> dict[int, dict[str, Any]]:
    """Per answer that differs its features that do, with what they should have been.

    What is not as it most likely was is looked at more closely, some answers at a time, until it
    is sure that more differ than are allowed: then the others count as they are.
    """
    if not told:
        return {}
    likely = past.likely()
    held: dict[int, list[list[Entity]]] = {row: [view[row] for view in likely] for row in told}
    unsure = _unequal(features, answers, held)
    found: dict[int, dict[str, Any]] = {}
    rows = sorted(unsure)
    for first in range(0, len(rows), AT_A_TIME):
        found |= _closer(features, answers, past, held, rows[first : first + AT_A_TIME])
        if _largest(found) > allowed * len(told):
            return found | {row: unsure[row] for row in rows[first + AT_A_TIME :]}
    return found


def _closer(
    features: GivenFeatures,
    answers: Sequence[Answered],
    past: Past,
    held: dict[int, list[list[Entity]]],
    rows: Sequence[int],
) -> dict[int, dict[str, Any]]:
    """Those of these answers that nothing explains that their views may have held."""
    unequal: dict[int, dict[str, Any]] = {}
    for look in (past.known, past.promised):
        _add(held, look(rows), rows)
        unequal = _unequal(features, answers, {row: held[row] for row in rows})
        rows = sorted(unequal)
        if not rows:
            break
    return unequal


def _largest(found: dict[int, dict[str, Any]]) -> int:
    """In how many answers the feature differs that differs in the most."""
    counts = Counter(name for differs in found.values() for name in differs)
    return max(counts.values(), default=0)


def _add(held: dict[int, list[list[Entity]]], more: list[Held], rows: Sequence[int]) -> None:
    for view, of_view in enumerate(more):
        for row, entities in zip(rows, of_view, strict=True):
            held[row][view] = list(dict.fromkeys([*held[row][view], *entities]))


def _unequal(
    features: GivenFeatures, answers: Sequence[Answered], held: dict[int, list[list[Entity]]]
) -> dict[int, dict[str, Any]]:
    """Per answer that no way of combining what the views may have held explains: the nearest."""
    ways = [(row, way) for row, views in held.items() for way in islice(product(*views), MOST_WAYS)]
    features.entities = [list(each) for each in zip(*(way for _, way in ways), strict=True)]
    known = {
        name: [answers[row].known[name] for row, _ in ways] for name in answers[ways[0][0]].known
    }
    looked = features.look_up(known, [answers[row].moment.asked_at for row, _ in ways])
    nearest: dict[int, dict[str, Any]] = {}
    for place, (row, _) in enumerate(ways):
        if row in nearest and not nearest[row]:
            continue
        values = {name: column[place] for name, column in looked.columns.items()}
        logged = answers[row].logged
        differs = {name: each for name, each in values.items() if not is_equal(logged[name], each)}
        if row not in nearest or len(differs) < len(nearest[row]):
            nearest[row] = differs
    return {row: differs for row, differs in nearest.items() if differs}


def _report(
    model: Model,
    features: GivenFeatures,
    declared: Declared,
    answers: Sequence[Answered],
    told: Sequence[int],
    found: dict[int, dict[str, Any]],
    left_out: Counter[str],
) -> Parity:
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
