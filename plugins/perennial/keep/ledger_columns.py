"""Columns that came later: added to a ledger that an older version of the project made."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateColumn

IN_SQLITE = "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c"


def add_missing_columns(connection: Connection, metadata: MetaData) -> None:
    """Add to the tables in the database what their declaration has more; twice is once.

    Such a column must be null or have a server default, so that the rows that are there stay valid.
    """
    found = _found(connection)
    for table in metadata.sorted_tables:
        for column in table.columns:
            if (table.name, column.name) not in found:
                declared = CreateColumn(column).compile(dialect=connection.dialect)
                _add(connection, f"ALTER TABLE {table.name} ADD COLUMN {declared}")


def _found(connection: Connection) -> set[tuple[str, str]]:
    if connection.dialect.name == "sqlite":  # opened often: one query and no reflection
        return {(table, column) for table, column in connection.exec_driver_sql(IN_SQLITE)}
    tables = inspect(connection).get_multi_columns()
    return {(name, each["name"]) for (_, name), columns in tables.items() for each in columns}


def _add(connection: Connection, statement: str) -> None:
    try:
        connection.execute(text(statement))
    except OperationalError as error:  # another process was first
        if "duplicate column" not in str(error):
            raise
