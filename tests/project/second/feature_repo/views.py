"""Views over the marts: one that events keep fresh, one that changes daily, one that never does."""

from datetime import timedelta

from entities import kind, station
from feast import FeatureView, Field, FileSource, PushSource
from feast.data_format import ParquetFormat
from feast.types import Float64, Int32, String, UnixTimestamp


def mart(name: str) -> FileSource:
    """The mart `name`, one folder a day, of what passed its gate."""
    return FileSource(
        name=name,
        path=f"../data/lake/checked/marts/{name}",
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )


station_activity = FeatureView(
    name="station_activity",
    description="What happened at a station in the three hours before the last that happened.",
    entities=[station],
    ttl=timedelta(days=1),
    schema=[
        Field(name="station_n_taken", dtype=Int32),
        Field(name="station_n_returned", dtype=Int32),
        Field(name="station_mean_minutes", dtype=Float64),
        Field(name="station_taken_per_dock", dtype=Float64),
        Field(name="station_last_taken_at", dtype=UnixTimestamp),
    ],
    source=PushSource(name="station_activity_push", batch_source=mart("station_activity")),
    tags={"freshness_seconds": "2", "hours": "24"},  # how far back the mart's SQL looks, and more
)
usual_minutes = FeatureView(
    name="usual_minutes",
    description="How long rentals of a kind of bicycle lasted at a station over 14 days.",
    entities=[station, kind],
    ttl=timedelta(days=30),
    schema=[
        Field(name="usual_n_rentals", dtype=Int32),
        Field(name="usual_mean_minutes", dtype=Float64),
    ],
    source=mart("usual_minutes"),
)
station_places = FeatureView(
    name="station_places",
    description="Where a station stands and how large it is.",
    entities=[station],
    ttl=timedelta(0),
    schema=[Field(name="district", dtype=String), Field(name="n_docks", dtype=Int32)],
    source=mart("station_places"),
)
