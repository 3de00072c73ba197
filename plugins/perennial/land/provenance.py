"""Which delivered files the rows of a day came from."""

from __future__ import annotations

from datetime import date

import duckdb

from perennial.land.delivery import Delivery
from perennial.land.ledger import Day

Files = dict[str, str]  # the digest of each by its name


def provenance(connection: duckdb.DuckDBPyConnection, delivery: Delivery) -> dict[date, Files]:
    """Per day the files that its fresh rows came from; an event journal has no digest ("")."""
    digests = {each.file: each.sha256 for each in delivery.files}
    found: dict[date, Files] = {}
    rows = connection.execute("SELECT DISTINCT __day, __part FROM fresh").fetchall()
    for day, part in rows:
        name = delivery.parts[part].file
        found.setdefault(day, {})[name] = digests.get(name, "")
    return found


def has_news(entry: Day | None, files: Files | None) -> bool:
    """Whether any of `files` differs from what the day was landed from.

    A file that is the same as then cannot hold a row that came late; a journal always may.
    """
    if not files:
        return False
    known = entry["files"] if entry else {}
    return any(not digest or known.get(name) != digest for name, digest in files.items())
