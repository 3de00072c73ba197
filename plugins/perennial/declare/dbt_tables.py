"""A table of dbt's sources file, reduced to what landing declares."""

from __future__ import annotations

from typing import Any


def from_dbt(table: Any) -> Any:
    """A dbt source table reduced to what `Source` declares (dbt keeps the rest for itself)."""
    if not isinstance(table, dict):
        return table
    meta = {**_mapping(table.get("meta")), **_mapping(_mapping(table.get("config")).get("meta"))}
    columns = table.get("columns")
    reduced = {
        "name": table.get("name"),
        "description": table.get("description") or "",
        "columns": [_column(each) for each in columns] if isinstance(columns, list) else columns,
        "land": meta.get("land"),
    }
    return {key: value for key, value in reduced.items() if value is not None}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _column(column: Any) -> Any:
    if not isinstance(column, dict):
        return column
    constraints = [_mapping(each).get("type") for each in column.get("constraints") or []]
    known = {key: column[key] for key in ("name", "description") if key in column}
    if "data_type" in column:
        known["data_type"] = str(column["data_type"]).lower()
    return {**known, "nullable": "not_null" not in constraints}
