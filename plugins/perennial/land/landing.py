"""The stage `land`."""

from __future__ import annotations

from perennial.declare.project import Project
from perennial.errors import DeclarationError, PerennialError
from perennial.keep.partitions import period
from perennial.land import open_days
from perennial.land.landed import Landed, LandedSource
from perennial.land.one_source import land_source

ALL = "all"


def land(source: str, start: str, end: str, *, project: Project | None = None) -> Landed:
    """Bring the days `start <= day < end` of a source (or of "all") into `data/lake/raw`.

    Reads the source's declared place and the journal of its posted events. Writes the period's
    partitions, those of earlier days within the lookback that late rows change, the quarantine of
    rows that cannot be taken in, and the ledger of landings. Each partition is written whole or
    not at all, and only when its bytes change: twice is the same as once, and so are two at a time.

    Raises `UnavailableError` when the place does not answer, and `ContractBrokenError` when a file
    is damaged or a column is missing, renamed or retyped: then nothing of that source is published.
    With "all" every other source lands before the error tells of all that did not.
    """
    first, last = period(start, end)
    project = project or Project.find()
    names = list(project.sources) if source == ALL else [project.source(source).name]
    landed: list[LandedSource] = []
    errors: list[PerennialError] = []
    for name in names:
        try:
            landed.append(land_source(project, project.source(name), first, last))
        except PerennialError as error:
            errors.append(error)
    if errors:
        raise _together(errors, [each.source for each in landed], len(names))
    return Landed(
        start=first,
        end=last,
        sources=tuple(landed),
        again_from=open_days.first_before(project, first),
    )


def _together(errors: list[PerennialError], landed: list[str], n_sources: int) -> PerennialError:
    """One error for all; of their own kind where they are of one."""
    if len(errors) == 1 and n_sources == 1:
        return errors[0]
    kinds = {type(error) for error in errors}
    lines = [str(error) for error in errors]
    lines.append(f"{len(errors)} of {n_sources} sources did not land; landed: "
                 f"{', '.join(landed) or 'none'}")  # fmt: skip
    if kinds == {DeclarationError}:
        return DeclarationError(lines)
    kind = kinds.pop() if len(kinds) == 1 else PerennialError
    return kind("\n".join(lines))
