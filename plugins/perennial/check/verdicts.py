"""One table's period against its gate: what was found, and which rows are to be set aside."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perennial.check import own_rules, quarantine
from perennial.check.checked import Finding
from perennial.check.daily import by_day
from perennial.check.evaluation import Evaluated, evaluate
from perennial.check.expectations import Prepared
from perennial.check.findings import finding_of
from perennial.check.quarantine import Reasons
from perennial.check.rows import Rows, read
from perennial.declare.gates import Gate
from perennial.errors import ContractBrokenError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Verdict:
    """The findings of one table, what lies behind them, and the rows to be set aside."""

    findings: tuple[Finding, ...]
    evaluated: tuple[Evaluated, ...] = ()
    reasons: Reasons = field(default_factory=dict)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing of the table may be published."""
        return any(each.is_stopping for each in self.findings)


@dataclass(frozen=True)
class Declared:
    """A table's gate, ready to run, and how its messages name rows and files."""

    gate: Gate
    prepared: tuple[Prepared, ...]
    shown: str
    key: tuple[str, ...]


def verdict_on(
    declared: Declared | None, held: dict[date, Path], days: list[date], where: str
) -> tuple[Rows, Verdict]:
    """Read the held files and judge them; a table without a gate must at least be readable."""
    try:
        rows = read(held, declared.gate if declared else None)
    except ContractBrokenError as error:
        return read({}, None), Verdict((own_rules.readable(where, str(error)),))
    if declared is None:
        return rows, Verdict(())
    if not rows.n_rows:
        rule = own_rules.has_rows(declared.gate, declared.shown, len(days))
        return rows, Verdict((rule,))
    return rows, _verdict_on_rows(declared, rows, days)


def _verdict_on_rows(declared: Declared, rows: Rows, days: list[date]) -> Verdict:
    gate = declared.gate
    on_rows = [each for each in declared.prepared if not each.is_daily]
    on_days = [each for each in declared.prepared if each.is_daily]
    evaluated = evaluate(on_rows, rows.frame)
    found = [finding_of(each, rows.at, declared.key) for each in evaluated]
    if on_days:
        table = by_day(rows, days)
        of_days = evaluate(on_days, table)
        found += [finding_of(each, partial(_row, table), ()) for each in of_days]
        evaluated += of_days
    reasons = quarantine.reasons_of(evaluated)
    found.append(own_rules.share_is_accepted(gate, declared.shown, len(reasons), rows.n_rows))
    return Verdict(tuple(found), tuple(evaluated), reasons)


def _row(table: pd.DataFrame, position: int) -> dict[str, Any]:
    return {str(name): value for name, value in table.iloc[position].items()}
