"""The page of a tuning: one file that opens without a network and needs no script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.draw import formats
from perennial.draw.templates import templates
from perennial.keep.files import replace_text
from perennial.train.tuning import drawing
from perennial.train.tuning.tuned import Tuned
from perennial.train.tuning.writing import snippet

PAGES = Path(__file__).parent / "pages"


def publish(report: Tuned, project: Project | None = None) -> Path:
    """Write `<at>.html` and `<at>.json` below `var/reports/tune/<model>`; the page's path."""
    project = project or Project.find()
    folder = project.var / "reports" / "tune" / report.model
    replace_text(folder / f"{report.at}.json", report.model_dump_json(indent=2) + "\n")
    replace_text(folder / f"{report.at}.html", page(report))
    return folder / f"{report.at}.html"


def page(report: Tuned) -> str:
    """The page, as HTML."""
    pages = templates(PAGES, count=formats.count, many=formats.many, five=_five, short=_short)
    return pages.get_template("tune.j2").render(
        report=report,
        trials=drawing.trials(report),
        along=[
            (name, drawing.along(report, name, is_log=where.endswith("(log)")))
            for name, where in report.search.items()
        ],
        snippet=snippet(report),
    )


def _five(value: float | None) -> str:
    return formats.NONE if value is None else f"{value:.5f}".replace("-", "−")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
