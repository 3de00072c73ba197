"""A model's features, looked up in the gateway's very way, out of entities that are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.features.entity_keys import Key
from perennial.features.entity_reads import Entity, Wanted, wanted_of
from perennial.features.online import OnlineFeatures
from perennial.features.repository import open_store


class GivenFeatures(OnlineFeatures):
    """A model's features out of entities that are given instead of read from a store."""

    def __init__(self, project: Project, model: Model) -> None:
        super().__init__(project, model)
        self.entities: Sequence[Sequence[Entity]] = ()
        """Per view the entity of each question; to be set before they are looked up."""
        self.store = open_store(project)
        self.wanted: list[Wanted] = wanted_of(self.store, self.inputs)
        self._reader = self

    def read(self, asked: Sequence[Sequence[Key | None]]) -> list[list[Entity]]:
        """The given entities; where the caller did not know the key, nothing is known."""
        return [
            [
                wanted.unknown if key is None else entity
                for key, entity in zip(keys, entities, strict=True)
            ]
            for wanted, keys, entities in zip(self.wanted, asked, self.entities, strict=True)
        ]

    def keys_of(self, view: int, known: Sequence[dict[str, Any]]) -> list[Key | None]:
        """Per question the key of its entity in a view; None where the caller knew none."""
        names = self.wanted[view].join_keys
        if len(names) == 1:
            return [each[names[0]] for each in known]
        keys = (tuple(each[name] for name in names) for each in known)
        return [None if None in key else key for key in keys]
