"""What features are about."""

from feast import Entity, ValueType

airport = Entity(
    name="airport",
    join_keys=["origin"],
    value_type=ValueType.STRING,
    description="An airport that flights leave from.",
)
destination = Entity(
    name="destination",
    join_keys=["dest"],
    value_type=ValueType.STRING,
    description="An airport that flights go to.",
)
carrier = Entity(
    name="carrier",
    join_keys=["carrier"],
    value_type=ValueType.STRING,
    description="An airline, by its two-letter code.",
)
flight_number = Entity(
    name="flight_number",
    join_keys=["flight"],
    value_type=ValueType.INT64,
    description="A flight's number; with the carrier it names a service.",
)
aircraft = Entity(
    name="aircraft",
    join_keys=["tailnum"],
    value_type=ValueType.STRING,
    description="One aeroplane, by its tail number.",
)
