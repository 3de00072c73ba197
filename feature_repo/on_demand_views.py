"""What the schedule of the asked flight itself tells."""

import pandas as pd
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
        airport_departures,
        carrier_departures,
        destination_arrivals,
        aircraft_movements,
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
    mode="pandas",
)
def schedule(inputs: pd.DataFrame) -> pd.DataFrame:
    """Clock and weekday in New York, and how long ago things happened when asked."""
    import pandas as pd

    departure = pd.to_datetime(inputs["scheduled_departure"], utc=True)
    asked = departure - pd.Timedelta(minutes=60)
    local = departure.dt.tz_convert("America/New_York")

    def minutes_since(name: str) -> pd.Series:
        return (asked - pd.to_datetime(inputs[name], utc=True)).dt.total_seconds() / 60

    back = pd.to_datetime(inputs["aircraft_movements__aircraft_back_at"], utc=True)
    return pd.DataFrame(
        {
            "departure_clock_minutes": (local.dt.hour * 60 + local.dt.minute).astype("float64"),
            "departure_hour": local.dt.hour.astype("float64"),
            "departure_weekday": (local.dt.dayofweek + 1).astype("float64"),
            "minutes_since_airport_departed": minutes_since(
                "airport_departures__airport_last_departed_at"
            ),
            "minutes_since_carrier_departed": minutes_since(
                "carrier_departures__carrier_last_departed_at"
            ),
            "minutes_since_destination_arrived": minutes_since(
                "destination_arrivals__destination_last_arrived_at"
            ),
            "minutes_since_aircraft_moved": minutes_since(
                "aircraft_movements__aircraft_last_moved_at"
            ),
            "aircraft_spare_minutes": (departure - back).dt.total_seconds() / 60,
        }
    )
