"""Sources: dbt's file, read for landing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from perennial.errors import DeclarationError

LAND = "config.meta.land"


def told(orchard: Any) -> list[str]:
    """The mistakes that reading the sources tells."""
    with pytest.raises(DeclarationError) as caught:
        orchard.project.source("fruit")
    return caught.value.mistakes


def test_a_source_is_read_from_dbts_own_fields(orchard: Any) -> None:
    source = orchard.project.source("fruit")
    assert [(c.name, c.data_type, c.nullable) for c in source.columns] == [
        ("id", "integer", False),
        ("picked_at", "timestamptz", True),
        ("grams", "double", True),
    ]
    assert (source.land.format, source.land.nulls, source.land.lookback_days) == ("csv", ("",), 0)
    assert source.column("grams").data_type == "double"
    with pytest.raises(KeyError):
        source.column("colour")


def test_dbts_older_place_for_meta_is_read_too(orchard: Any) -> None:
    table = orchard.table()
    table["meta"] = table.pop("config")["meta"]
    orchard.sources(table)
    assert orchard.project.source("fruit").land.key == ("id",)


def test_a_snapshot_has_its_day_instead_of_an_event_time(orchard: Any) -> None:
    table = orchard.table(f"{LAND}.event_time", ...)
    table["config"]["meta"]["land"]["static_from"] = date(2013, 1, 1)
    orchard.sources(table)
    assert orchard.project.source("fruit").land.static_from == date(2013, 1, 1)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (LAND, ..., "land is missing: How it is brought in (config.meta.land)"),
        ("config", ..., "land is missing: How it is brought in (config.meta.land)"),
        ("columns", ..., "columns is missing: The contract"),
        ("columns", [], "columns must have at least 1 of them, got []"),
        ("columns.1", "grams", "columns.1 must be a mapping of fields, got 'grams'"),
        ("columns.1.data_type", ..., "columns.1.data_type is missing: "
         "The DuckDB type that its values must have"),
        ("columns.1.data_type", "integr", "columns.1.data_type must be one of varchar, integer, "
         "bigint, smallint, double, boolean, date, timestamptz, got 'integr', "
         'did you mean "integer"?'),
        ("columns.1.name", "ID", "column id is declared twice"),
        (f"{LAND}.key", ["idd"], "'idd' is not among its columns"),
        (f"{LAND}.key", [], "land.key must have at least 1 of them, got []"),
        (f"{LAND}.event_time", ...,
         "land: declare exactly one of event_time and static_from"),
        (f"{LAND}.static_from", "2013-01-01",
         "land: declare exactly one of event_time and static_from"),
        (f"{LAND}.static_from", "yesterday",
         "land.static_from must be a date (2013-03-01), got 'yesterday'"),
        (f"{LAND}.lookback_days", 400, "land.lookback_days must be in [0, 366], got 400"),
        (f"{LAND}.format", "jsonl", "land.format must be one of csv, parquet, json, got 'jsonl', "
         'did you mean "json"?'),
        (f"{LAND}.from", {}, "land.from: declare exactly one of path (with or without package), "
         "sql, url"),
        (f"{LAND}.from", {"path": "a", "url": "b"}, "land.from: declare exactly one of path "
         "(with or without package), sql, url"),
        (f"{LAND}.from", {"url": "https://a", "package": "p"},
         "land.from: package needs path: the file inside the package"),
        (f"{LAND}.from", {"sql": "sqlite://"},
         "land.from: sql needs exactly one of table and query"),
        (f"{LAND}.from", {"sql": "sqlite://", "table": "t", "query": "q"},
         "land.from: sql needs exactly one of table and query"),
        (f"{LAND}.from", {"pth": "a"}, 'land.from.pth is not a known field, did you mean "path"? '
         "(accepted: package, path, query, sql, table, url)"),
        (f"{LAND}.events", {"from": "moments", "moments": {"at": ["colour"]}},
         "'colour' is not among its columns"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_path(
    orchard: Any, path: str, value: Any, sentence: str
) -> None:
    orchard.sources(orchard.table(path, value))
    (mistake,) = told(orchard)
    shown = mistake.removeprefix("data/__sources.yml: sources.raw.fruit")
    assert shown.lstrip(".: ") == sentence


@pytest.mark.parametrize("name", ["../fruit", "a/b", "", "fruit and veg", "1st"])
def test_a_name_that_is_no_folder_is_refused(orchard: Any, name: str) -> None:
    orchard.sources(orchard.table("name", name))
    assert "name" in told(orchard)[0]


def test_the_mistakes_of_all_sources_are_told_at_once(orchard: Any) -> None:
    orchard.sources(
        orchard.table(f"{LAND}.key", ["idd"]),
        {**orchard.table(f"{LAND}.lookback_days", -1), "name": "veg"},
        "nuts",
    )
    mistakes = told(orchard)
    assert [each.split(": ")[1].split(".")[2].split(" ")[0] for each in mistakes] == [
        "fruit", "veg", "2"
    ]  # fmt: skip


def test_a_source_that_is_declared_twice_is_told(orchard: Any) -> None:
    orchard.sources(orchard.table(), orchard.table())
    assert told(orchard) == ["data/__sources.yml: table fruit is declared twice"]


@pytest.mark.parametrize(
    "text",
    ["", "version: 2", "sources: []", "sources: [raw]", "sources: [{name: raw}]",
     "sources: [{name: raw, tables: fruit}]"],
)  # fmt: skip
def test_a_file_without_tables_is_told(orchard: Any, text: str) -> None:
    orchard.write("data/__sources.yml", text)
    assert told(orchard)[0].startswith("data/__sources.yml: sources")


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ({"path": "inbox/*.csv"}, "inbox/*.csv"),
        ({"package": "fruits", "path": "data/a.csv"}, "fruits:data/a.csv"),
        ({"sql": "postgresql://me:s3cret@host/db", "table": "fruit"}, "sql fruit"),
        ({"sql": "${URL}", "query": "select 's3cret'"}, "sql query"),
        ({"url": "https://me:s3cret@host/a?t=${T}"}, "https://***@host/a?t=${T}"),
        ({"path": "s3://me:s3cret@bucket/*.csv"}, "s3://***@bucket/*.csv"),
    ],
)
def test_a_place_is_shown_without_its_secrets(
    orchard: Any, place: dict[str, str], shown: str
) -> None:
    orchard.sources(orchard.table(f"{LAND}.from", place))
    assert str(orchard.project.source("fruit").land.place) == shown
