"""What the lake says that a view held at past moments: the join that makes training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from perennial.errors import UnavailableError
from perennial.features.asof_sql import ENTITY_ROWS, answers_sql
from perennial.features.entity_keys import Key
from perennial.features.entity_reads import EPOCH, MICROSECOND, Entity, Wanted
from perennial.features.entity_rows import TIME_COLUMN, EntityRows
from perennial.features.feast_sources import rows_of
from perennial.features.parity_events import plain
from perennial.keep.engine import connect

EVENT = "__of"


def held_in_lake(
    config: Any, wanted: Wanted, keys: Sequence[Key | None], moments: Sequence[datetime]
) -> list[Entity]:
    """Per key and moment the value known then, with its own event time.

    Only rows created by that moment count. A view without any checked day knows nothing.
    """
    asked: dict[int, Any] = {place: key for place, key in enumerate(keys) if key is not None}
    found = [wanted.unknown] * len(keys)
    name = wanted.view.name
    references = [f"{name}:{feature}" for feature in wanted.features]
    try:
        view = rows_of(wanted.view, references, False, config)
    except UnavailableError:
        return found
    if not asked:
        return found
    view = replace(view, features=(*view.features, (view.event_timestamp, EVENT)))
    n = len(wanted.join_keys)
    columns: dict[str, Any] = {
        key: [each[number] if n > 1 else each for each in asked.values()]
        for number, key in enumerate(wanted.join_keys)
    }
    columns[TIME_COLUMN] = pa.array([moments[place] for place in asked], pa.timestamp("us", "UTC"))
    with connect(config.offline_store.threads) as connection:
        rows = EntityRows.of(pa.table(columns), connection)
        connection.register(ENTITY_ROWS, rows.table)
        known_then = config.offline_store.known_then
        statement = answers_sql(view, rows.time_column, rows.span, known_then)
        answers = connection.execute(statement).fetchall()
    for place, row in zip(asked, answers, strict=True):
        if row[-1] is not None:
            moment = (row[-1].astimezone(UTC) - EPOCH) // MICROSECOND
            found[place] = moment, tuple(map(plain, row[:-1]))
    return found
