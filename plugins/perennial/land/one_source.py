"""Lands one source: deliver, read, cast, drop repeats, merge with the lake, publish, write down."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb

from perennial.declare.project import Project
from perennial.declare.sources import SOURCES, Source
from perennial.errors import UnavailableError
from perennial.keep import partitions
from perennial.keep.engine import connect
from perennial.keep.locks import exclusive
from perennial.land import ledger, merging, posted, quarantine
from perennial.land.casting import cast
from perennial.land.counting import counts
from perennial.land.delivery import Delivery
from perennial.land.landed import LandedSource
from perennial.land.late import find_too_late, reopened_days
from perennial.land.places import deliver
from perennial.land.provenance import has_news, provenance
from perennial.land.publishing import as_it_lies, publish
from perennial.land.reading import read
from perennial.land.repeats import drop_repeats
from perennial.land.simulating import simulate

WAIT_SECONDS = 900.0  # for another landing of the same source


def land_source(project: Project, source: Source, start: date, end: date) -> LandedSource:
    """Land one source's days `start <= day < end`: what `perennial.land.land` promises."""
    try:
        with (
            exclusive(project.var / "locks", f"land-{source.name}", WAIT_SECONDS),
            partitions.aside(project.lake) as folder,
            connect() as connection,
        ):
            connection.execute("SET temp_directory = ?", [str(folder / "spilled")])
            return _land(connection, project, source, start, end, folder)
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        reason = str(error).splitlines()[0].replace(f"{project.root}/", "")
        raise UnavailableError(
            f"{source.name}: the disk or the memory gave out ({reason}); no partition is half "
            "written, and landing again completes it"
        ) from error


def _land(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    source: Source,
    start: date,
    end: date,
    folder: Path,
) -> LandedSource:
    table = project.lake / "raw" / source.name
    entries = ledger.read(project, source.name)
    delivery = _delivered(project, source, start, end, folder)
    reading = read(connection, source, delivery.parts, folder)
    delivery.raise_when_changed()
    cast(connection, source, delivery.parts)
    simulated = simulate(connection, project, source, end)
    drop_repeats(connection, source)
    came_from = provenance(connection, delivery)
    days = days_to_look_at(source, start, end, {*entries, *partitions.days_of(table)})
    days["closed"] = [
        day for day in days["closed"] if has_news(entries.get(day), came_from.get(day))
    ]
    merging.load_days(connection, days)
    merging.load_present(connection, source, table)
    merging.merge(connection, source)
    find_too_late(connection, source)
    refused = quarantine.refused_rows(connection, source, delivery.parts, reading)
    new = quarantine.set_aside(project.lake, source.name, start, [*reading.refused, *refused])
    reopened = reopened_days(connection, source)
    merged = set(merging.days_of(connection, "merged"))
    written = [day for day in days["asked"] if day in merged] + [each.day for each in reopened]
    published = publish(connection, source, table, sorted(written), folder)
    kept = [
        day
        for day in days["asked"]
        if day not in merged and partitions.partition(table, day).exists()
    ]
    lying = [as_it_lies(table, day) for day in kept]
    ledger.write(
        project,
        source.name,
        ledger.updated(connection, entries, days["asked"], [*published, *lying], came_from),
    )
    asked = [each for each in [*published, *lying] if each.day in set(days["asked"])]
    counted = counts(connection, reading)
    return LandedSource(
        source=source.name,
        n_landed=sum(each.rows for each in asked),
        n_quarantined=len(new),
        n_too_late=sum(each.reason.startswith("too late") for each in new),
        n_late=sum(each.n_late for each in reopened),
        n_torn=reading.n_torn,
        added_columns=tuple(sorted(reading.added_columns)),
        files=tuple(delivery.files),
        days=tuple(sorted(asked, key=lambda each: each.day)),
        reopened=tuple(reopened),
        kept_days=tuple(kept),
        simulated=simulated,
        **counted,
    )


def days_to_look_at(source: Source, start: date, end: date, landed: set[date]) -> merging.Days:
    """The asked days, the landed ones that the lookback re-opens, and the closed ones before.

    A day before the period that never landed is none of them: it is not late but not asked for.
    """
    if source.land.static_from:
        return {"asked": [source.land.static_from], "reopened": [], "closed": []}
    opens = start - timedelta(days=source.land.lookback_days)
    return {
        "asked": partitions.days_between(start, end),
        "reopened": sorted(day for day in landed if opens <= day < start),
        "closed": sorted(day for day in landed if day < opens),
    }


def _delivered(project: Project, source: Source, start: date, end: date, folder: Path) -> Delivery:
    since = start - timedelta(days=source.land.lookback_days)
    delivery = deliver(project, source, since, end, folder)
    journals = posted.journals(project, source)
    if not delivery.files and not journals:
        raise UnavailableError(
            f"{source.name}: no file matches {source.land.place} "
            f"(declared in {SOURCES}: {source.name}.land.from)"
        )
    delivery.parts += journals
    return delivery
