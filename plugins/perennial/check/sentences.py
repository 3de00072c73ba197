"""What is said to a person: why tables were stopped, and what passed with a remark."""

from __future__ import annotations

from perennial.check.checked import Checked, CheckedTable, Finding

NOTHING_DECLARED = "no gate is declared in {shown}: published without being checked"


def stopped(report: Checked) -> str:
    """The message of a `GateStoppedError`: every failing expectation of the stopped tables."""
    names = ", ".join(each.table for each in report.stopped)
    lines = [
        f"check {report.layer} {report.start} to {report.end}: "
        f"{len(report.stopped)} of {len(report.tables)} tables stopped ({names}); "
        "nothing of them was published, the others were"
    ]
    for table in report.stopped:
        lines += [_paragraph(report.layer, table.table, each) for each in table.failed]
    return "\n".join(lines)


def remarks(layer: str, table: CheckedTable, shown: str) -> tuple[str, ...]:
    """One line for each thing that did not stop the table and must not go unnoticed."""
    lines: list[str] = []
    if not table.is_gated:
        lines.append(f"{layer}.{table.table}: {NOTHING_DECLARED.format(shown=shown)}")
    lines += [
        f"{layer}.{table.table}: {_head(each)}: {each.found}"
        for each in table.findings
        if each.outcome != "passed" and not each.is_stopping
    ]
    return tuple(lines)


def _head(finding: Finding) -> str:
    about = f" on {', '.join(finding.columns)}" if finding.columns else ""
    return f"{finding.expectation}{about} ({finding.severity})"


def _paragraph(layer: str, table: str, finding: Finding) -> str:
    lines = [
        f"{layer}.{table}: {_head(finding)}",
        f"  asked: {finding.asked}",
        f"  found: {finding.found}",
        *(f"  example: {each}" for each in finding.examples),
        f"  declared: {finding.declared_in}",
        f"  why: {finding.why}",
    ]
    return "\n".join(lines)
