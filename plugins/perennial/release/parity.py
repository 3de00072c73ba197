"""Recomputes what answers were made from, value by value, and names what differs.

Answers are taken from the journal of predictions. Their features are looked up again in the very
way of the gateway, but out of what the views should have held (`features.parity_past`): on-demand
views run again on that, and request fields are as they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice, product
from typing import Any

from perennial.declare.model import Model
from perennial.declare.parity import Parity as Declared
from perennial.declare.project import Project
from perennial.features.entity_reads import Entity
from perennial.features.parity_given import GivenFeatures
from perennial.features.parity_past import Held, Past
from perennial.release.parity_answers import Answered, understood
from perennial.release.parity_report import Parity, report
from perennial.release.parity_values import is_equal

AT_A_TIME = 50
"""Answers that are looked at more closely together."""

MOST_WAYS = 64
"""Combinations of what the views may have held that are tried for one answer."""


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
    return report(model, features, declared, answers, told, found, left_out)


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
    narrowed = _narrowed(features, answers, held)
    ways = [
        (row, way) for row, views in narrowed.items() for way in islice(product(*views), MOST_WAYS)
    ]
    entities = [list(each) for each in zip(*(way for _, way in ways), strict=True)]
    columns = _looked_up(features, answers, [row for row, _ in ways], entities)
    nearest: dict[int, dict[str, Any]] = {}
    for place, (row, _) in enumerate(ways):
        if row in nearest and not nearest[row]:
            continue
        values = {name: column[place] for name, column in columns.items()}
        logged = answers[row].logged
        differs = {name: each for name, each in values.items() if not is_equal(logged[name], each)}
        if row not in nearest or len(differs) < len(nearest[row]):
            nearest[row] = differs
    return {row: differs for row, differs in nearest.items() if differs}


def _narrowed(
    features: GivenFeatures, answers: Sequence[Answered], held: dict[int, list[list[Entity]]]
) -> dict[int, list[list[Entity]]]:
    """Per answer and view what gives the view's own logged values, or all where nothing does.

    What is left differs only in what on-demand views are made of, so that few ways remain.
    """
    tried = [
        (row, view, place)
        for row, views in held.items()
        for view, options in enumerate(views)
        if len(options) > 1
        for place in range(len(options))
    ]
    if not tried:
        return held
    entities = [
        [held[row][view][place if view == of_view else 0] for row, of_view, place in tried]
        for view in range(len(features.wanted))
    ]
    columns = _looked_up(features, answers, [row for row, _, _ in tried], entities)
    fitting: dict[tuple[int, int], list[Entity]] = {}
    for number, (row, view, place) in enumerate(tried):
        logged, wanted = answers[row].logged, features.wanted[view]
        own = [f"{wanted.view.name}__{each}" for each in wanted.features]
        if all(is_equal(logged[name], columns[name][number]) for name in own if name in columns):
            fitting.setdefault((row, view), []).append(held[row][view][place])
    return {
        row: [fitting.get((row, view), options) for view, options in enumerate(views)]
        for row, views in held.items()
    }


def _looked_up(
    features: GivenFeatures,
    answers: Sequence[Answered],
    rows: Sequence[int],
    entities: list[list[Entity]],
) -> dict[str, list[Any]]:
    """The features of these answers, were these the entities that their views held."""
    features.entities = entities
    known = {name: [answers[row].known[name] for row in rows] for name in answers[rows[0]].known}
    return features.look_up(known, [answers[row].moment.asked_at for row in rows]).columns
