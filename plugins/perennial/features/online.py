"""Looks up a model's features for questions that are asked now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.features.entity_reads import (
    EPOCH,
    MICROSECOND,
    Entity,
    EntityReader,
    Wanted,
    reader_of,
    wanted_of,
)
from perennial.features.inputs import ModelInputs, inputs_of
from perennial.features.on_demand import OnDemand
from perennial.features.repository import open_store


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
        wanted = wanted_of(self._store, self.inputs)
        self._reader: EntityReader = reader_of(self._store, wanted)
        self._views = [_View(each, self.inputs) for each in wanted]
        self._on_demand = [OnDemand(view) for view in self.inputs.on_demand]

    def is_same(self, other: OnlineFeatures) -> bool:
        """Whether both look up the same things at the same place."""
        return bool(self._store.config == other._store.config and self.inputs == other.inputs)

    def look_up(self, known: dict[str, list[Any]], asked_at: list[datetime]) -> Looked:
        """`known` holds the request fields by column, all of one length n."""
        n = len(asked_at)
        looked = Looked({}, [[] for _ in range(n)], [[] for _ in range(n)])
        asked = [(each - EPOCH) // MICROSECOND for each in asked_at]
        entities = self._reader.read([view.asked(known) for view in self._views])
        found = dict(known)
        for view, answers in zip(self._views, entities, strict=True):
            found.update(view.columns(answers, asked, looked))
        for on_demand in self._on_demand:
            found.update(on_demand.run(found, n))
        for name in self.inputs.columns:
            looked.columns[name] = found[name]
        return looked


class _View:
    """One feature view, made ready to be asked often."""

    def __init__(self, wanted: Wanted, inputs: ModelInputs) -> None:
        self._name = wanted.view.name
        self._join_keys = wanted.join_keys
        self._full_names = [f"{self._name}__{feature}" for feature in wanted.features]
        self._unknown = wanted.unknown[1]
        ttl = inputs.ttls.get(self._name)
        self._lives = None if ttl is None else ttl // MICROSECOND

    def asked(self, known: dict[str, list[Any]]) -> Sequence[Any]:
        """Per question the key of its entity; None where the caller does not know it."""
        if len(self._join_keys) == 1:
            return known[self._join_keys[0]]
        columns = (known[name] for name in self._join_keys)
        return [None if None in key else key for key in zip(*columns, strict=True)]

    def columns(
        self, entities: list[Entity], asked: list[int], looked: Looked
    ) -> dict[str, list[Any]]:
        """The questions' values by full name; tells `looked` what is missing or later."""
        rows, lives = [], self._lives
        for row, ((moment, values), now) in enumerate(zip(entities, asked, strict=True)):
            if moment <= 0 or (lives is not None and now - moment > lives):
                looked.missing[row].append(self._name)
                rows.append(self._unknown)
            else:
                if moment > now:
                    looked.later[row].append(self._name)
                rows.append(values)
        return dict(zip(self._full_names, map(list, zip(*rows, strict=True)), strict=True))
