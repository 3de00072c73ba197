"""Data Docs: what Great Expectations saw, as pages that open without a network.

`var/reports/data_docs/index.html` and one page per table with its last check. The pages are those
of Great Expectations in a frame of ours (`pages/`): its own loads styles and scripts from the
internet, and its index stays empty without them.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from perennial.check.checked import Checked, CheckedTable
from perennial.check.evaluation import Evaluated
from perennial.check.expectations import load
from perennial.keep.files import replace_text

FOLDER = "data_docs"
BULKY = ("unexpected_list", "unexpected_index_list")


def write_page(
    reports: Path, layer: str, table: CheckedTable, period: list[date], seen: tuple[Evaluated, ...]
) -> Path:
    """Write the page of one table, in place of the one of its check before."""
    view = _view()
    content = view.render(
        _document(layer, table.table, period, seen),
        layer=layer,
        table=table,
        findings=[*table.failed, *(each for each in table.findings if each not in table.failed)],
        start=period[0],
        last=period[-1],
    )
    page = reports / FOLDER / layer / f"{table.table}.html"
    replace_text(page, content)
    return page


def write_index(reports: Path) -> Path:
    """Write the index over the last check of each layer."""
    found = [_last(reports / "check" / f"{layer}.json") for layer in ("raw", "marts")]
    template = _view().env.get_template("index.j2")
    page = reports / FOLDER / "index.html"
    replace_text(page, template.render(reports=[each for each in found if each]))
    return page


def _last(path: Path) -> Checked | None:
    try:
        return Checked.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None  # not checked yet, or by another version: its next check writes it anew


def _view() -> Any:
    load()
    from great_expectations.render.view.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, FileSystemLoader

    view = DefaultJinjaPageView()
    ours = FileSystemLoader(Path(__file__).parent / "pages")
    theirs = view.env.loader
    assert theirs is not None
    view.env.loader = ChoiceLoader([ours, theirs])
    return view


def _document(layer: str, table: str, period: list[date], seen: tuple[Evaluated, ...]) -> Any:
    """What Great Expectations shows of these results: its own renderer's document."""
    from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
    from great_expectations.core.expectation_validation_result import (
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    results = [_lean(each.result) for each in seen]
    n_met = sum(each.success for each in seen)
    statistics = {
        "evaluated_expectations": len(seen),
        "successful_expectations": n_met,
        "unsuccessful_expectations": len(seen) - n_met,
        "success_percent": 100 * n_met / len(seen) if seen else None,
    }
    run = RunIdentifier(run_name=f"{period[0]} to {period[-1]}", run_time=period[0].isoformat())
    together: Any = ExpectationSuiteValidationResult(
        success=n_met == len(seen),
        results=results,
        suite_name=f"{layer}.{table}",
        statistics=statistics,
        meta={"run_id": run},
    )
    # By way of JSON, as its own stores do: the renderer knows no numpy types.
    stored = expectationSuiteValidationResultSchema.load(
        json.loads(json.dumps(together.to_json_dict(), default=_plain))
    )
    return ValidationResultsPageRenderer().render(stored)


def _lean(result: Any) -> Any:
    """The result without the lists that name every failing row."""
    for name in BULKY:
        result.result.pop(name, None)
    return result


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
