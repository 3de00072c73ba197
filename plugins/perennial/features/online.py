"""Looks up a model's features for questions that are asked now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.features.inputs import ModelInputs, inputs_of
from perennial.features.repository import open_store

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Looked:
    """Features of n questions: `columns` name → n values."""

    columns: dict[str, list[Any]]
    missing: list[list[str]]
    """Per question the views without a value for it, or without one that is fresh enough."""
    later: list[list[str]]
    """Per question the views whose value is from after the question's own time."""


class OnlineFeatures:
    """Reads Feast's online store for one model, the same way as its training rows were made.

    A value older than its view's ttl *at the question's own time* counts as missing (Feast itself
    ignores the ttl online); on-demand views run on what is left, as they do offline.
    """

    def __init__(self, project: Project, model: Model) -> None:
        self._store = open_store(project)
        self.inputs: ModelInputs = inputs_of(self._store, model)

    def is_same(self, other: OnlineFeatures) -> bool:
        """Whether both look up the same things at the same place."""
        return bool(self._store.config == other._store.config and self.inputs == other.inputs)

    def look_up(self, known: dict[str, list[Any]], asked_at: list[datetime]) -> Looked:
        """`known` holds the request fields by column, all of one length n."""
        n = len(asked_at)
        found, missing, later = self._read(known, asked_at, n)
        for view in self.inputs.on_demand:
            found |= _on_demand(view, {**known, **found}, n)
        given = {name: known[name] for name in self.inputs.given}
        columns = {name: (given if name in given else found)[name] for name in self.inputs.names}
        return Looked(columns, missing, later)

    def _read(
        self, known: dict[str, list[Any]], asked_at: list[datetime], n: int
    ) -> tuple[dict[str, list[Any]], list[list[str]], list[list[str]]]:
        missing: list[list[str]] = [[] for _ in range(n)]
        later: list[list[str]] = [[] for _ in range(n)]
        if not self.inputs.looked_up:
            return {}, missing, later
        keys = {
            key: [blank if value is None else value for value in known[key]]
            for key, blank in self.inputs.blanks.items()
        }
        answer = self._store.get_online_features(
            features=list(self.inputs.looked_up), entity_rows=keys, full_feature_names=True
        )
        found, moments = answer.to_dict(), _moments(answer)
        asked = [_microseconds(each) for each in asked_at]
        columns: dict[str, list[Any]] = {}
        for reference in self.inputs.looked_up:
            view, feature = reference.split(":")
            name = f"{view}__{feature}"
            values = found[name]
            ttl = self.inputs.ttls.get(view)
            names = self.inputs.join_keys[view]
            for row, (value_at, now) in enumerate(zip(moments[name], asked, strict=True)):
                is_unasked = any(known[key][row] is None for key in names)
                is_old = ttl is not None and now - value_at > ttl // MICROSECOND
                if value_at <= 0 or is_old or is_unasked:
                    values[row] = None
                    if view not in missing[row]:
                        missing[row].append(view)
                elif value_at > now and view not in later[row]:
                    later[row].append(view)
            columns[name] = values
        return columns, missing, later


def _moments(answer: Any) -> dict[str, list[int]]:
    """Per feature the values' event times in microseconds; 0 where there is no value."""
    names = answer.proto.metadata.feature_names.val
    return {
        name: [each.seconds * 1_000_000 + each.nanos // 1000 for each in result.event_timestamps]
        for name, result in zip(names, answer.proto.results, strict=True)
    }


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _on_demand(view: Any, columns: dict[str, list[Any]], n: int) -> dict[str, list[Any]]:
    declared = {
        field.name: field.dtype.to_value_type()
        for source in view.source_request_sources.values()
        for field in source.schema
    }
    names = list(declared)
    for projection in view.source_feature_view_projections.values():
        names += [f"{projection.name}__{feature.name}" for feature in projection.features]
    given = {name: columns[name] for name in names}
    if view.mode == "python":
        made = view.transform_dict(given)
    else:
        import pyarrow as pa

        made = view.transform_arrow(pa.table(given), full_feature_names=False).to_pydict()
    results = {f"{view.name}__{field.name}": made[field.name] for field in view.features}
    for name, values in results.items():
        if len(values) != n:
            raise ValueError(f"on-demand view {view.name} gave {len(values)} of {n} values: {name}")
    return results
