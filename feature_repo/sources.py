"""Where views are read: the marts that passed their gates."""

from feast import FileSource
from feast.data_format import ParquetFormat


def mart(name: str) -> FileSource:
    """The mart `name`, one folder a day."""
    return FileSource(
        name=name,
        path=f"../data/lake/checked/marts/{name}",
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
