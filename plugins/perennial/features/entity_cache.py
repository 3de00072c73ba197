"""A view's entities that were asked for last, in this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from perennial.features.entity_keys import Key
from perennial.features.entity_reads import Entity

MOST_ENTITIES = 20_000
"""How many of each view are kept: some 20 MB for ten views of ten numbers when all are full."""


class EntityCache:
    """At most `most` entities; of more, the one that was not asked for the longest goes.

    It keeps whatever it is given; whose it is sees to it that nothing old is in it.
    """

    def __init__(self, most: int = MOST_ENTITIES) -> None:
        self._most = most
        self._entities: OrderedDict[Key, Entity] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entities)

    def known(self, keys: Iterable[Key | None]) -> dict[Key, Entity]:
        """Those of the keys that are here."""
        entities, found = self._entities, {}
        for key in keys:
            entity = entities.get(key)
            if entity is not None:
                entities.move_to_end(key)
                found[key] = entity
        return found

    def keep(self, entities: dict[Key, Entity]) -> None:
        """Keep these; they count as asked for now."""
        for key, entity in entities.items():
            self._entities[key] = entity
            self._entities.move_to_end(key)
        while len(self._entities) > self._most:
            self._entities.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entities.clear()


def lacking(found: dict[Key, Entity], asked: Sequence[Key | None]) -> list[Key]:
    """The keys that are asked for and not found yet, each once."""
    return [key for key in dict.fromkeys(asked) if key is not None and key not in found]
