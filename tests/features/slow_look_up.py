"""Look-ups by Feast's own `get_online_features`: slow, and what the quick ones must equal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.features.entity_reads import EPOCH, MICROSECOND
from perennial.features.inputs import inputs_of
from perennial.features.online import Looked
from perennial.features.repository import open_store


class SlowFeatures:
    """As `OnlineFeatures`."""

    def __init__(self, project: Project, model: Model) -> None:
        self.store = open_store(project)
        self.inputs = inputs_of(self.store, model)

    def look_up(self, known: dict[str, list[Any]], asked_at: list[datetime]) -> Looked:
        found, missing, later = self._read(known, asked_at)
        for view in self.inputs.on_demand:
            found |= on_demand(view, {**found, **known})
        found |= known
        return Looked({name: found[name] for name in self.inputs.names}, missing, later)

    def _read(self, known: dict[str, list[Any]], asked_at: list[datetime]) -> tuple[Any, Any, Any]:
        keys = {
            key: [blank if value is None else value for value in known[key]]
            for key, blank in self.inputs.blanks.items()
        }
        answer = self.store.get_online_features(
            features=list(self.inputs.looked_up), entity_rows=keys, full_feature_names=True
        )
        columns, moments = answer.to_dict(), event_times(answer)
        missing: list[list[str]] = [[] for _ in asked_at]
        later: list[list[str]] = [[] for _ in asked_at]
        for reference in self.inputs.looked_up:
            view, feature = reference.split(":")
            values, ttl = columns[f"{view}__{feature}"], self.inputs.ttls.get(view)
            for row, at in enumerate(asked_at):
                now = (at - EPOCH) // MICROSECOND
                moment = moments[f"{view}__{feature}"][row]
                is_unasked = any(known[key][row] is None for key in self.inputs.join_keys[view])
                is_old = ttl is not None and now - moment > ttl // MICROSECOND
                if moment <= 0 or is_old or is_unasked:
                    values[row] = None
                    missing[row] += [view] if view not in missing[row] else []
                elif moment > now:
                    later[row] += [view] if view not in later[row] else []
        return columns, missing, later


def event_times(answer: Any) -> dict[str, list[int]]:
    """Per feature the values' event times in microseconds; 0 where there is no value."""
    names = answer.proto.metadata.feature_names.val
    return {
        name: [each.seconds * 1_000_000 + each.nanos // 1000 for each in result.event_timestamps]
        for name, result in zip(names, answer.proto.results, strict=True)
    }


def on_demand(view: Any, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    names = [
        field.name for source in view.source_request_sources.values() for field in source.schema
    ]
    for projection in view.source_feature_view_projections.values():
        names += [f"{projection.name}__{feature.name}" for feature in projection.features]
    table = pa.table({name: columns[name] for name in names})
    made = view.transform_arrow(table, full_feature_names=False).to_pydict()
    return {f"{view.name}__{field.name}": made[field.name] for field in view.features}
