"""What features are about."""

from feast import Entity, ValueType

station = Entity(
    name="station",
    join_keys=["station"],
    value_type=ValueType.STRING,
    description="A station, by its name.",
)
kind = Entity(
    name="kind",
    join_keys=["kind"],
    value_type=ValueType.STRING,
    description="A kind of bicycle.",
)
