"""The derived table for expectations on days: a day that brought nothing is a row with 0."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from perennial.check.rows import DAY, Rows

if TYPE_CHECKING:
    import pandas as pd


def by_day(rows: Rows, days: list[date]) -> pd.DataFrame:
    """One row per calendar day: `day`, `n_rows` and `missing_share_<column>` (0 to 1).

    A day without rows has `n_rows` 0 and no missing share: NaN, which expectations skip.
    """
    import pandas as pd

    sizes = [part.n_rows for part in rows.parts]
    label = pd.Series([part.day for part in rows.parts], dtype=object).repeat(sizes)
    missing = rows.frame.isna().groupby(label.to_numpy()).mean()
    missing = missing.drop(columns=DAY, errors="ignore").add_prefix("missing_share_")
    counts = pd.Series(sizes, index=[part.day for part in rows.parts], name="n_rows", dtype="int64")
    table = pd.DataFrame({DAY: days}).set_index(DAY, drop=False)
    table = table.join(counts).join(missing).reset_index(drop=True)
    return table.assign(n_rows=table["n_rows"].fillna(0).astype("int64"))
