"""Evidence as plain Arrow rows: to keep some, to put some together, to know one again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from perennial.learn.arrow_columns import is_text
from perennial.learn.contract import Evidence

LABEL, DAY = "__label", "__day"


def plain_table(evidence: Evidence) -> Any:
    """Features, label and day as one pyarrow Table: texts as strings, all else as doubles.

    So that rows of different days, whose files may differ in how they spell a type, are of one
    kind, and a column without any value is a number.
    """
    rows = evidence.rows if isinstance(evidence.rows, pa.Table) else pa.table(evidence.rows)
    columns = {}
    for name in rows.column_names:
        kind = pa.string() if is_text(rows[name].type) else pa.float64()
        column = rows[name]
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        columns[name] = column.cast(kind, safe=False)
    columns[LABEL] = pa.array(evidence.labels, pa.float64())
    columns[DAY] = pa.array(evidence.days.astype("datetime64[D]"))
    return pa.table(columns).combine_chunks()


def evidence_of(table: Any) -> Evidence:
    """The evidence that a plain table holds, in the order of its days."""
    table = table.sort_by([(DAY, "ascending")])
    features = [name for name in table.column_names if not name.startswith("__")]
    return Evidence(
        rows=table.select(features),
        labels=np.asarray(table[LABEL], dtype=np.float64),
        days=np.asarray(table[DAY]).astype("datetime64[D]"),
    )


def together(*parts: Evidence) -> Evidence:
    """All parts as one, in the order of their days."""
    tables = [plain_table(each) for each in parts]
    return evidence_of(pa.concat_tables(tables, promote_options="permissive"))


def keys(table: Any, seed: int) -> npt.NDArray[np.uint64]:
    """A random number for each row (n,), drawn by `seed` and the row's content alone.

    Rows that are alike get different numbers by their turn; the same rows get the same numbers
    whatever else stands in the table, so that a row met again is known again.
    """
    import pandas as pd

    frame = table.to_pandas()
    hashed = pd.util.hash_pandas_object(frame, index=False, hash_key=f"{seed:016x}")
    turn = hashed.groupby(hashed).cumcount().to_numpy().astype(np.uint64)
    return _stirred(hashed.to_numpy().astype(np.uint64) ^ _stirred(turn + np.uint64(seed)))


def _stirred(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Each number's bits mixed so that all are equally likely (SplitMix64, Steele et al. 2014)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def drawn(table: Any, n: int, random: np.random.Generator) -> Any:
    """`n` rows: each as often as any other, give or take one."""
    whole, rest = divmod(n, table.num_rows)
    places = np.concatenate(
        [
            np.tile(np.arange(table.num_rows), whole),
            random.choice(table.num_rows, rest, replace=False),
        ]
    )
    return table.take(pa.array(np.sort(places)))


def n_beside(n_new: int, share: float) -> int:
    """How many rows of the past make `share` of everything, beside `n_new` new ones.

    >>> n_beside(300, 0.25)
    100
    """
    return max(1, round(n_new * share / (1 - share)))
