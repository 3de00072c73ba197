"""What reading entities out of an online store means, whatever store it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from perennial.features.entity_keys import EntityKeys, Key
from perennial.features.freshness import freshness_seconds
from perennial.features.inputs import ModelInputs

if TYPE_CHECKING:
    from feast import ValueType

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Entity = tuple[int, tuple[Any, ...]]
"""The values' event time in microseconds since 1970, and the values in the wanted order."""


@dataclass(frozen=True)
class Wanted:
    """What a model takes of one feature view."""

    view: Any
    features: tuple[str, ...]
    types: tuple[ValueType, ...]
    join_keys: tuple[str, ...]
    keys: EntityKeys
    freshness_seconds: float

    @property
    def unknown(self) -> Entity:
        """Stands for an entity that the store knows nothing of."""
        return 0, (None,) * len(self.features)


class EntityReader(Protocol):
    """Reads entities of several views."""

    def read(self, asked: Sequence[Sequence[Key | None]]) -> list[list[Entity]]:
        """Per wanted view its entities, in the order of the keys; None asks for nothing."""
        ...


class FeastReader:
    """Reads any of Feast's online stores by its own `online_read`, a call for each view."""

    def __init__(self, online: Any, config: Any, wanted: Sequence[Wanted]) -> None:
        self._online, self._config, self._wanted = online, config, wanted

    def read(self, asked: Sequence[Sequence[Key | None]]) -> list[list[Entity]]:
        """See `EntityReader`; nothing is kept from one call to the next."""
        return [
            list(self._read(wanted, keys)) for wanted, keys in zip(self._wanted, asked, strict=True)
        ]

    def _read(self, wanted: Wanted, keys: Sequence[Key | None]) -> Iterator[Entity]:
        from feast.type_map import feast_value_type_to_python_type

        told = list(dict.fromkeys(key for key in keys if key is not None))
        messages = [wanted.keys.message(key) for key in told]
        answers = (
            self._online.online_read(self._config, wanted.view, messages, list(wanted.features))
            if told
            else []
        )
        found = dict(zip(told, answers, strict=True))
        for key in keys:
            moment, values = found.get(key, (None, None))
            if moment is None or values is None:
                yield wanted.unknown
                continue
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            yield (
                (aware - EPOCH) // MICROSECOND,
                tuple(
                    feast_value_type_to_python_type(values[name], type_) if name in values else None
                    for name, type_ in zip(wanted.features, wanted.types, strict=True)
                ),
            )


def wanted_of(store: Any, inputs: ModelInputs) -> list[Wanted]:
    """What the model takes of each view, in the order of its inputs."""
    found = []
    for name, join_keys in inputs.join_keys.items():
        view = store.get_feature_view(name)
        types = {each.name: each.dtype.to_value_type() for each in view.features}
        key_types = {each.name: each.dtype.to_value_type() for each in view.entity_columns}
        features = tuple(
            reference.split(":")[1]
            for reference in inputs.looked_up
            if reference.split(":")[0] == name
        )
        found.append(
            Wanted(
                view=view,
                features=features,
                types=tuple(types[each] for each in features),
                join_keys=join_keys,
                keys=EntityKeys([(key, key_types[key]) for key in join_keys]),
                freshness_seconds=freshness_seconds(view),
            )
        )
    return found


def reader_of(store: Any, wanted: Sequence[Wanted]) -> EntityReader:
    """The store's own reader where it has one (the project's two stores have), else Feast's way."""
    online = store._get_provider().online_store
    if hasattr(online, "reader"):
        reader: EntityReader = online.reader(store.config, wanted)
        return reader
    return FeastReader(online, store.config, wanted)
