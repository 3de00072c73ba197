"""Views that change once a day or never."""

from datetime import timedelta

from entities import aircraft, airport, carrier, destination, flight_number
from feast import FeatureView, Field
from feast.types import Float64, Int32, String
from sources import mart

MONTHS = timedelta(days=90)


def lateness(prefix: str) -> list[Field]:
    """How late something was over the past 7 and 28 days."""
    return [
        Field(name=f"{prefix}_{what}_{n_days}_days", dtype=dtype)
        for n_days in (7, 28)
        for what, dtype in (
            ("n_flights", Int32),
            ("share_cancelled", Float64),
            ("share_late", Float64),
            ("mean_departure_delay_minutes", Float64),
            ("mean_arrival_delay_minutes", Float64),
        )
    ]


carrier_lateness = FeatureView(
    name="carrier_lateness",
    description="How late a carrier's flights were over past days, known when each day ends.",
    entities=[carrier],
    ttl=MONTHS,
    schema=lateness("carrier"),
    source=mart("carrier_lateness"),
)
route_lateness = FeatureView(
    name="route_lateness",
    description="How late a route's flights were over past days, and how long it is.",
    entities=[airport, destination],
    ttl=MONTHS,
    schema=[
        *lateness("route"),
        Field(name="route_distance_kilometres", dtype=Float64),
        Field(name="route_mean_scheduled_duration_minutes", dtype=Float64),
    ],
    source=mart("route_lateness"),
)
flight_number_lateness = FeatureView(
    name="flight_number_lateness",
    description="How late a carrier's flights of one number were over past days.",
    entities=[carrier, flight_number],
    ttl=MONTHS,
    schema=lateness("flight_number"),
    source=mart("flight_number_lateness"),
)
aircraft_build = FeatureView(
    name="aircraft",
    description="What kind of aeroplane it is.",
    entities=[aircraft],
    ttl=timedelta(0),
    schema=[
        Field(name="aircraft_built_year", dtype=Int32),
        Field(name="aircraft_manufacturer", dtype=String),
        Field(name="aircraft_model", dtype=String),
        Field(name="aircraft_n_engines", dtype=Int32),
        Field(name="aircraft_n_seats", dtype=Int32),
    ],
    source=mart("aircraft"),
)
