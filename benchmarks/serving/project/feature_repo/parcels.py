"""Fifteen numbers about a courier, kept online, and the feature service of the model."""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.data_format import ParquetFormat
from feast.types import Float64

courier = Entity(name="courier", join_keys=["courier"], value_type=ValueType.INT64)
courier_habits = FeatureView(
    name="courier_habits",
    description="How a courier has worked of late.",
    entities=[courier],
    ttl=timedelta(days=2),
    schema=[Field(name=f"habit_{number:02}", dtype=Float64) for number in range(15)],
    source=FileSource(
        name="courier_habits",
        path="../data/lake/checked/marts/courier_habits",
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    ),
)
late_parcel = FeatureService(name="late_parcel", features=[courier_habits])
