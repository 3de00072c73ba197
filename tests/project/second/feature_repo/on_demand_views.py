"""What follows from the question itself."""

import pandas as pd
from feast import Field, RequestSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, UnixTimestamp
from views import station_activity

start = RequestSource(name="start", schema=[Field(name="taken_at", dtype=UnixTimestamp)])


@on_demand_feature_view(
    sources=[start, station_activity],
    schema=[
        Field(name="hour", dtype=Float64),
        Field(name="weekday", dtype=Float64),
        Field(name="minutes_since_taken", dtype=Float64),
    ],
    mode="pandas",
)
def clock(inputs: pd.DataFrame) -> pd.DataFrame:
    """Hour and weekday in Berlin, and how long before the start the last rental began."""
    import pandas as pd

    start = pd.to_datetime(inputs["taken_at"], utc=True)
    last = pd.to_datetime(inputs["station_activity__station_last_taken_at"], utc=True)
    local = start.dt.tz_convert("Europe/Berlin")
    return pd.DataFrame(
        {
            "hour": local.dt.hour.astype("float64"),
            "weekday": (local.dt.dayofweek + 1).astype("float64"),
            "minutes_since_taken": (start - last).dt.total_seconds() / 60,
        }
    )
