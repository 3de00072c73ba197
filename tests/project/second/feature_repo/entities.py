"""What features are about."""

from feast import Entity, ValueType

station = Entity(
    name="station",
    join_keys=["station"],
    value_type=ValueType.STRING,
    description="A station, by its name.",
)
bicycle_kind = Entity(
    name="bicycle_kind",
    join_keys=["bicycle_kind"],
    value_type=ValueType.STRING,
    description="A kind of bicycle.",
)
