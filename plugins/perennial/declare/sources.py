"""Sources: where data come from, and the contract of their columns (`data/__sources.yml`).

The file is dbt's own sources file; what landing needs stands in each table's `config.meta.land`,
so that a column is declared once for both.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from perennial.declare.frozen import Frozen

SOURCES = "data/__sources.yml"

DataType = Literal[
    "varchar", "integer", "bigint", "smallint", "double", "boolean", "date", "timestamptz"
]


class Column(Frozen):
    """One column of a source's contract."""

    name: str = Field(
        min_length=1,
        description="The column's name as it is delivered; rowid and names that begin with two "
        "underscores are the engine's own.",
    )
    data_type: DataType = Field(description="The DuckDB type that its values must have.")
    nullable: bool = Field(True, description="Whether a value may be missing.")
    description: str = Field("", description="What the column holds, with its unit.")

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name.startswith("__") or name.lower() == "rowid":
            raise ValueError(f"{name!r} is the engine's own name; rename the column in a query")
        return name


class Place(Frozen):
    """Where a source is read from: exactly one of package, path, sql or url."""

    package: str | None = Field(None, description="An installed Python package that ships files.")
    path: str | None = Field(
        None,
        description="A file or glob: below the package, below the project, or any fsspec URL. "
        "Files may be compressed (.gz, .zst, .bz2, .xz) or members of a .zip.",
    )
    sql: str | None = Field(
        None, description="A SQLAlchemy URL; ${NAME} is taken from the environment."
    )
    table: str | None = Field(None, description="With sql: the table to read.")
    query: str | None = Field(None, description="With sql: the query to read instead of a table.")
    url: str | None = Field(None, description="An http or https address that answers with rows.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        kinds = [bool(self.path), bool(self.sql), bool(self.url)]
        if sum(kinds) != 1:
            raise ValueError("declare exactly one of path (with or without package), sql, url")
        if self.package and not self.path:
            raise ValueError("package needs path: the file inside the package")
        if self.sql and bool(self.table) == bool(self.query):
            raise ValueError("sql needs exactly one of table and query")
        return self

    def __str__(self) -> str:
        """The place as messages show it, without secrets."""
        if self.sql:
            return f"sql {self.table or 'query'}"
        shown = self.url or (f"{self.package}:{self.path}" if self.package else str(self.path))
        return re.sub(r"(?<=://)[^/@\s]*@", "***@", shown)


class Events(Frozen):
    """A source whose rows also arrive one by one during the day, at the gateway."""

    relation: str = Field(
        alias="from",
        description="A relation of the dbt project with the key columns and one TIMESTAMPTZ "
        "column per moment at which something about a row becomes known.",
    )
    moments: dict[str, tuple[str, ...]] = Field(
        description="Per moment the columns that it reveals; an empty list means the whole row."
    )


class Landing(Frozen):
    """How a source is brought into `data/lake/raw`."""

    place: Place = Field(alias="from", description="Where the rows are read.")
    format: Literal["csv", "parquet", "json"] = Field(
        "csv", description="The files' format; json means one JSON object a line."
    )
    nulls: tuple[str, ...] = Field(("",), description="Texts that mean a missing value (csv).")
    key: tuple[str, ...] = Field(
        min_length=1, description="Columns that identify a row; the same row twice lands once."
    )
    event_time: str | None = Field(
        None, description="A DuckDB expression (TIMESTAMPTZ); its UTC day is the row's partition."
    )
    static_from: date | None = Field(
        None, description="For a snapshot without event time: the one day that holds all its rows."
    )
    lookback_days: int = Field(
        0, ge=0, le=366, description="How many days back a late row re-opens its partition."
    )
    events: Events | None = Field(None, description="Rows that may also be posted as they happen.")

    @model_validator(mode="after")
    def _one_clock(self) -> Self:
        if (self.event_time is None) == (self.static_from is None):
            raise ValueError("declare exactly one of event_time and static_from")
        return self


class Source(Frozen):
    """One table brought in from outside."""

    name: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The table's name, here and in the lake."
    )
    description: str = Field(description="What one row is.")
    columns: tuple[Column, ...] = Field(min_length=1, description="The contract.")
    land: Landing = Field(description="How it is brought in (config.meta.land).")

    @model_validator(mode="after")
    def _columns_exist(self) -> Self:
        names = [column.name for column in self.columns]
        folded = [name.casefold() for name in names]  # SQL does not tell upper from lower case
        mistakes = [
            f"column {name} is declared twice" for name in set(folded) if folded.count(name) > 1
        ]
        wanted = list(self.land.key)
        if self.land.events:
            wanted += [each for columns in self.land.events.moments.values() for each in columns]
        mistakes += [f"{each!r} is not among its columns" for each in wanted if each not in names]
        if mistakes:
            raise ValueError("; ".join(sorted(mistakes)))
        return self

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when the contract has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
