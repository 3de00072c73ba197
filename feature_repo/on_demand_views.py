"""What the schedule of the asked flight itself tells."""

from feast import Field, RequestSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, UnixTimestamp
from fresh_views import (
    aircraft_movements,
    airport_departures,
    carrier_departures,
    destination_arrivals,
)

timetable = RequestSource(
    name="timetable", schema=[Field(name="scheduled_departure", dtype=UnixTimestamp)]
)


@on_demand_feature_view(
    sources=[
        timetable,
        airport_departures[["airport_last_departed_at"]],
        carrier_departures[["carrier_last_departed_at"]],
        destination_arrivals[["destination_last_arrived_at"]],
        aircraft_movements[["aircraft_last_moved_at", "aircraft_back_at"]],
    ],
    schema=[
        Field(name="departure_clock_minutes", dtype=Float64),
        Field(name="departure_hour", dtype=Float64),
        Field(name="departure_weekday", dtype=Float64),
        Field(name="minutes_since_airport_departed", dtype=Float64),
        Field(name="minutes_since_carrier_departed", dtype=Float64),
        Field(name="minutes_since_destination_arrived", dtype=Float64),
        Field(name="minutes_since_aircraft_moved", dtype=Float64),
        Field(name="aircraft_spare_minutes", dtype=Float64),
    ],
    mode="python",
)
def schedule(inputs: dict[str, list]) -> dict[str, list]:
    """Clock and weekday in New York, and how long ago things happened when asked."""
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    new_york = ZoneInfo("America/New_York")
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    departures = inputs["scheduled_departure"]
    asked = [at and at - hour for at in departures]
    clocks = [at and at.astimezone(new_york) for at in departures]

    def minutes_since(name: str, until: list = asked) -> list:
        return [
            None if now is None or then is None else (now - then) / minute
            for now, then in zip(until, inputs[name], strict=True)
        ]

    return {
        "departure_clock_minutes": [at and 60.0 * at.hour + at.minute for at in clocks],
        "departure_hour": [at and float(at.hour) for at in clocks],
        "departure_weekday": [at and float(at.isoweekday()) for at in clocks],
        "minutes_since_airport_departed": minutes_since(
            "airport_departures__airport_last_departed_at"
        ),
        "minutes_since_carrier_departed": minutes_since(
            "carrier_departures__carrier_last_departed_at"
        ),
        "minutes_since_destination_arrived": minutes_since(
            "destination_arrivals__destination_last_arrived_at"
        ),
        "minutes_since_aircraft_moved": minutes_since("aircraft_movements__aircraft_last_moved_at"),
        "aircraft_spare_minutes": minutes_since("aircraft_movements__aircraft_back_at", departures),
    }
