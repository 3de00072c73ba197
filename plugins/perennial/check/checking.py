"""The stage: every table of a layer is judged, published where it passes, and told where not."""

from __future__ import annotations

from datetime import date

from perennial.check import data_docs
from perennial.check.checked import Checked, CheckedTable
from perennial.check.columns import key_of
from perennial.check.expectations import prepare
from perennial.check.publishing import Shelf, publish
from perennial.check.rows import hold
from perennial.check.sentences import remarks, stopped
from perennial.check.verdicts import Declared, verdict_on
from perennial.declare.gates import Layer
from perennial.declare.project import Project
from perennial.errors import DeclarationError, GateStoppedError
from perennial.keep import files, locks, partitions
from perennial.keep.progress import progress
from perennial.land import open_days


def check(layer: Layer, start: str, end: str, *, project: Project | None = None) -> Checked:
    """Judge the period's rows of every table of `layer` (raw or marts) and publish what passes.

    Reads `data/lake/<layer>/<table>` for `start <= day < end` (a source without event time is
    always read whole) and `data/expectations/<layer>/<table>.yaml`. Writes, per table that passes,
    `data/lake/checked/<layer>/<table>`; the rows that a `quarantine` expectation rejects go to
    `data/lake/quarantine/<layer>/<table>`; days that are gone from the input are withdrawn.
    `var/reports/check/<layer>.json` and the pages in `var/reports/data_docs` tell everything.
    Twice is the same as once.

    A table without a gate is published and reported with `is_gated` false. A gate that has no row
    to look at stops its table, unless it declares `may_be_empty`.

    Raises `GateStoppedError`, after all tables were judged and those that pass were published,
    when any table was stopped: then nothing of that table was published, and what had been
    published before stays. Raises `DeclarationError` before reading data when a gate is wrong.
    """
    project = project or Project.find()
    if layer not in ("raw", "marts"):
        raise ValueError(f"layer must be raw or marts, got {layer!r}")
    days = partitions.days_between(*partitions.period(start, end))
    declared = _declared(project, layer)
    done: list[CheckedTable] = []
    with progress(f"check {layer}", total=len(declared)) as step:
        for name, gate in declared.items():
            done.append(_check(project, layer, name, gate, days))
            step(1)
    report = Checked(layer=layer, start=start, end=end, tables=tuple(done))
    content = report.model_dump_json(indent=2) + "\n"
    files.replace_text(project.var / "reports" / "check" / f"{layer}.json", content)
    data_docs.write_index(project.var / "reports")
    if report.stopped:
        raise GateStoppedError(stopped(report))
    if layer == "marts" and days:
        open_days.note(project, *partitions.period(start, end))
    return report


def _declared(project: Project, layer: Layer) -> dict[str, Declared | None]:
    """Per table its gate, ready to run, or None; raises with every mistake of every gate."""
    found: dict[str, Declared | None] = {}
    mistakes: list[str] = []
    for name in project.tables(layer):
        gate = project.gates.get((layer, name))
        if gate is None:
            found[name] = None
            continue
        shown = shown_of(layer, name)
        key = project.sources[name].land.key if layer == "raw" else key_of(gate)
        try:
            found[name] = Declared(gate, tuple(prepare(gate, shown)), shown, key)
        except DeclarationError as error:
            mistakes += error.mistakes
    if mistakes:
        raise DeclarationError(mistakes)
    return found


def shown_of(layer: Layer, name: str) -> str:
    """Where a table's gate is declared, as messages show it."""
    return f"data/expectations/{layer}/{name}.yaml"


def _check(
    project: Project, layer: Layer, name: str, declared: Declared | None, period: list[date]
) -> CheckedTable:
    shelf = Shelf(project.lake, layer, name)
    table = project.lake / layer / name
    snapshot_days = _snapshot_days(project, layer, name, declared)
    days = period if snapshot_days is None else snapshot_days
    # Whatever else was published of a snapshot before is gone.
    replaced = days if snapshot_days is None else [*days, *partitions.days_of(shelf.checked)]
    with (
        locks.exclusive(project.var / "locks", f"check-{layer}-{name}", 600),
        partitions.aside(project.lake) as folder,
    ):
        held = hold(table, days, folder)
        rows, verdict = verdict_on(declared, held, days, f"data/lake/{layer}/{name}")
        counts = (0, 0) if verdict.is_stopped else publish(shelf, rows, verdict.reasons, replaced)
    done = CheckedTable(
        table=name,
        is_gated=declared is not None,
        is_published=not verdict.is_stopped,
        n_rows=rows.n_rows,
        n_quarantined=len(verdict.reasons),
        n_days=len(rows.parts),
        n_days_rewritten=counts[0],
        n_days_withdrawn=counts[1],
        findings=verdict.findings,
    )
    done = done.model_copy(update={"warnings": remarks(layer, done, shown_of(layer, name))})
    data_docs.write_page(project.var / "reports", layer, done, period, verdict.evaluated)
    return done


def _snapshot_days(
    project: Project, layer: Layer, name: str, declared: Declared | None
) -> list[date] | None:
    """The days of a table without history, whatever the period is; None for a table with one."""
    static = project.sources[name].land.static_from if layer == "raw" else None
    if static is not None:
        return [static]
    if declared is not None and declared.gate.is_snapshot:
        return partitions.days_of(project.lake / layer / name)
    return None
