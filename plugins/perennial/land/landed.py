"""What landing reports: one `LandedSource` per source, the same for the same work."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.keep.report import Report


class Delivered(Frozen):
    """One delivered file (or answer, or query), as it came."""

    file: str = Field(description="Its name, relative to the project; never with a secret.")
    bytes: int = Field(description="Its size, as delivered.")
    sha256: str = Field(description="The digest of its bytes, as delivered.")


class LandedDay(Frozen):
    """One partition of the lake after landing."""

    day: date
    rows: int = Field(description="Rows that the partition holds.")
    bytes: int = Field(description="The Parquet file's size.")
    sha256: str = Field(description="The Parquet file's digest.")


class Reopened(Frozen):
    """A day before the period that late rows changed."""

    day: date
    n_late: int = Field(description="Rows that came after the day had landed.")
    n_changed: int = Field(description="Rows that now say something else, or left for another day.")


class LandedSource(Report):
    """What landing one source did. Every delivered row is in exactly one of the counts."""

    source: str
    n_delivered: int = Field(description="Rows that files, answers or queries brought.")
    n_landed: int = Field(description="Rows that now lie in the period's partitions.")
    n_posted: int = Field(description="Of those, rows that only came as events.")
    n_duplicates: int = Field(description="Rows delivered again with the same content.")
    n_superseded: int = Field(description="Rows that a later one with the same key replaced.")
    n_quarantined: int = Field(description="Rows newly set aside, the too late ones included.")
    n_too_late: int = Field(description="Rows newly set aside that came after the lookback.")
    n_late: int = Field(description="Late rows that re-opened a day within the lookback.")
    n_outside: int = Field(description="Rows of days outside the period, left for their own turn.")
    n_torn: int = Field(description="Unfinished last lines of event journals, ignored.")
    added_columns: tuple[str, ...] = Field(description="Delivered columns that no contract names.")
    files: tuple[Delivered, ...] = Field(description="What was delivered, in order.")
    days: tuple[LandedDay, ...] = Field(description="The period's partitions.")
    reopened: tuple[Reopened, ...] = Field(description="Earlier days that late rows changed.")
    kept_days: tuple[date, ...] = Field(
        description="Days of the period that hold rows and got none this time: kept as they were."
    )
    simulated: tuple[str, ...] = Field(
        (), description="Rehearsals that changed what was delivered."
    )


class Landed(Report):
    """What `land` did."""

    start: date
    end: date
    sources: tuple[LandedSource, ...]
    again_from: date = Field(
        description="The first day to work on again: the period's first, or an earlier one within "
        "the lookback that changed, or whose marts have not passed their gates yet."
    )

    def of(self, source: str) -> LandedSource:
        """The report of one source; KeyError when it was not landed."""
        for each in self.sources:
            if each.source == source:
                return each
        raise KeyError(source)
