"""Rows of a table or a query, by SQLAlchemy URL."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from perennial.declare.sources import Source
from perennial.errors import UnavailableError
from perennial.land.delivery import Delivery, Part, digested
from perennial.land.environment import expand, hidden

CHUNK = 10_000


def query(source: Source, since: date, end: date, folder: Path) -> Delivery:
    """The rows of the declared table or query, written to `folder` as JSON lines.

    A query may name `:start` and `:end`: the first day that is looked at (the lookback included)
    and the day after the last one.
    """
    import sqlalchemy

    place = source.land.place
    declared = str(place.sql)
    engine = None
    try:
        engine = sqlalchemy.create_engine(expand(declared, source.name))
        target = folder / "rows"
        with engine.connect() as connection:
            statement = _statement(source, engine, since, end)
            rows = connection.execution_options(stream_results=True).execute(statement)
            delivered = digested(_lines(rows), str(place), target)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        cause = getattr(error, "orig", None) or error
        message = f"{source.name}: {place} cannot be read ({type(cause).__name__}: {cause})"
        raise UnavailableError(_scrubbed(message, declared, engine)) from None  # may hold a secret
    finally:
        if engine is not None:
            engine.dispose()
    part = Part(name=str(place), path=target, file=str(place))
    return Delivery(parts=[part], files=[delivered])


def _statement(source: Source, engine: Any, since: date, end: date) -> Any:
    import sqlalchemy

    place = source.land.place
    if place.table:
        *schema, table = place.table.split(".")
        columns = sqlalchemy.inspect(engine).get_columns(table, schema=".".join(schema) or None)
        found = [sqlalchemy.column(each["name"], each["type"]) for each in columns]
        return sqlalchemy.select(*found).select_from(
            sqlalchemy.table(table, *found, schema=".".join(schema) or None)
        )
    statement = sqlalchemy.text(str(place.query))
    bounds = {"start": since.isoformat(), "end": end.isoformat()}
    asked = set(statement.compile().params)
    return statement.bindparams(**{key: bounds[key] for key in bounds if key in asked})


def _lines(rows: Any) -> Iterator[bytes]:
    names = list(rows.keys())
    for chunk in iter(lambda: rows.fetchmany(CHUNK), []):
        yield b"".join(_line(names, row) for row in chunk)


def _line(names: list[str], row: Any) -> bytes:
    values = {name: _plain(value) for name, value in zip(names, row, strict=True)}
    return (json.dumps(values, ensure_ascii=False) + "\n").encode()


def _plain(value: Any) -> Any:
    """A JSON value; what JSON has no number for (NaN, decimals) becomes text and is cast later."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _scrubbed(message: str, declared: str, engine: Any) -> str:
    password = engine.url.password if engine is not None else None
    if password:
        message = message.replace(str(password), "***")
    return hidden(message, declared)
