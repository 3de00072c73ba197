"""What is kept of each lived night, whole or not at all, so that a killed replay goes on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from perennial.declare.frozen import Frozen
from perennial.keep import partitions
from perennial.keep.files import replace_text
from perennial.learn.contract import FloatArray


class Learned(Frozen):
    """A training of one night, and what became of it."""

    strategy: str
    version: str | None = Field(description="The candidate; null when none came about.")
    outcome: str = Field(description="blessed, refused or not_enough_evidence.")
    why: str
    seconds: float = Field(description="Of the wall's clock, for the stage train alone.")
    processor_seconds: float = Field(description="Of all its threads.")


class Night(Frozen):
    """One night: what was decided, what was learned, and what answered the day after it."""

    night: date
    decision: str
    why: str
    situation: str
    training: Learned | None
    serves: str = Field(description="The version that answers this day's questions.")
    n_rows: int = Field(description="Questions of the day whose label is known by now.")
    seconds: float = Field(description="All that the night took.")


class Records:
    """The nights of one policy, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def nights(self) -> list[Night]:
        """Those that are whole, in order, up to the first that is not."""
        found: list[Night] = []
        for path in sorted((self.folder / "nights").glob("*.json")):
            try:
                found.append(Night.model_validate_json(path.read_bytes()))
            except ValidationError:
                break
        return found

    def keep(self, night: Night, labels: FloatArray, scores: FloatArray) -> None:
        """Keep a night; its answers first, so that a night that is there has them."""
        rows = pa.table({"label": labels, "score": scores})
        partitions.publish(self.folder / "answers", night.night, rows, self.folder)
        path = self.folder / "nights" / f"{night.night}.json"
        replace_text(path, night.model_dump_json(indent=2) + "\n")

    def answers(self, days: list[date]) -> tuple[FloatArray, FloatArray, list[int]]:
        """Labels (n,), scores (n,) and the number of rows of each day."""
        tables = [
            pq.ParquetFile(partitions.partition(self.folder / "answers", day)).read()
            for day in days
        ]
        joined = pa.concat_tables(tables)
        labels, scores = (np.asarray(joined[name], np.float64) for name in ("label", "score"))
        return labels, scores, [each.num_rows for each in tables]
