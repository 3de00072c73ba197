"""Views whose values change within the day: events reach them within seconds.

`hours` is how far back the mart's SQL looks, counted by its sources' event time; the freshener
keeps that much in memory.
"""

from datetime import timedelta

from entities import aircraft, airport, carrier, destination
from feast import Entity, FeatureView, Field, PushSource
from feast.types import Bool, Float64, Int32, String, UnixTimestamp
from sources import mart

FRESH = {"freshness_seconds": "2", "hours": "48"}


def fresh(
    name: str, description: str, entities: list[Entity], ttl: timedelta, schema: list[Field]
) -> FeatureView:
    """A view over the mart `name` that also takes pushed values."""
    return FeatureView(
        name=name,
        description=description,
        entities=entities,
        ttl=ttl,
        schema=schema,
        source=PushSource(name=f"{name}_push", batch_source=mart(name)),
        tags=FRESH,
    )


airport_weather = fresh(
    "airport_weather",
    "The last complete reading of the airport's weather station.",
    [airport],
    timedelta(days=2),
    [
        Field(name="temperature_celsius", dtype=Float64),
        Field(name="dew_point_celsius", dtype=Float64),
        Field(name="humidity_share", dtype=Float64),
        Field(name="wind_direction_degrees", dtype=Int32),
        Field(name="wind_speed_metres_per_second", dtype=Float64),
        Field(name="wind_gust_metres_per_second", dtype=Float64),
        Field(name="precipitation_millimetres", dtype=Float64),
        Field(name="pressure_hectopascals", dtype=Float64),
        Field(name="visibility_kilometres", dtype=Float64),
    ],
)
airport_departures = fresh(
    "airport_departures",
    "Departures from an airport over the three hours before the last of them.",
    [airport],
    timedelta(days=2),
    [
        Field(name="airport_n_departures", dtype=Int32),
        Field(name="airport_mean_departure_delay_minutes", dtype=Float64),
        Field(name="airport_max_departure_delay_minutes", dtype=Int32),
        Field(name="airport_share_departures_late", dtype=Float64),
        Field(name="airport_last_departed_at", dtype=UnixTimestamp),
    ],
)
carrier_departures = fresh(
    "carrier_departures",
    "Departures of a carrier over the six hours before the last of them.",
    [carrier],
    timedelta(days=2),
    [
        Field(name="carrier_n_departures", dtype=Int32),
        Field(name="carrier_mean_departure_delay_minutes", dtype=Float64),
        Field(name="carrier_max_departure_delay_minutes", dtype=Int32),
        Field(name="carrier_share_departures_late", dtype=Float64),
        Field(name="carrier_last_departed_at", dtype=UnixTimestamp),
    ],
)
destination_arrivals = fresh(
    "destination_arrivals",
    "Arrivals at a destination over the hours before the last of them.",
    [destination],
    timedelta(days=2),
    [
        Field(name="destination_n_arrivals", dtype=Int32),
        Field(name="destination_mean_arrival_delay_minutes", dtype=Float64),
        Field(name="destination_max_arrival_delay_minutes", dtype=Int32),
        Field(name="destination_share_arrivals_late", dtype=Float64),
        Field(name="destination_mean_ground_minutes", dtype=Float64),
        Field(name="destination_last_arrived_at", dtype=UnixTimestamp),
    ],
)
aircraft_movements = fresh(
    "aircraft_movements",
    "What an aeroplane did last, how late, and when it can be back.",
    [aircraft],
    timedelta(days=30),
    [
        Field(name="aircraft_is_under_way", dtype=Bool),
        Field(name="aircraft_last_dest", dtype=String),
        Field(name="aircraft_last_delay_minutes", dtype=Int32),
        Field(name="aircraft_last_moved_at", dtype=UnixTimestamp),
        Field(name="aircraft_back_at", dtype=UnixTimestamp),
    ],
)
