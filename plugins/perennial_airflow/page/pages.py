"""The HTML of the page, from templates in which all data are escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from perennial.draw import formats
from perennial.draw.templates import templates
from perennial.release.record_page import PAGES, sequences
from perennial.release.record_traffic import traffic_over_time
from perennial.watch.drawn import distribution_of, most_telling
from perennial.watch.page import IN_WORDS, REAL
from perennial_airflow.page import measurements, phases, story
from perennial_airflow.page.cards import card_html
from perennial_airflow.page.drawn.counts import counts
from perennial_airflow.page.drawn.guardrail import guardrail
from perennial_airflow.page.drawn.heat_map import heat_map
from perennial_airflow.page.drawn.series import series
from perennial_airflow.page.drawn.traffic import traffic
from perennial_airflow.page.headers import SCRIPT

TEMPLATES = Path(__file__).parent / "templates"
FILTERS = ("number", "count", "share", "moment", "words", "many")
DRAWN = {
    "counts": counts, "guardrail": guardrail, "heat_map": heat_map, "series": series,
    "traffic": traffic, "story": story, "phases_of": phases.phases_of,
    "measurements": measurements.measurements,
    "sequences": sequences, "traffic_over_time": traffic_over_time,
    "distribution_of": distribution_of, "most_telling": most_telling, "IN_WORDS": IN_WORDS,
    "REAL": REAL,
}  # fmt: skip


def render(template: str, **content: Any) -> str:
    """One page."""
    return _environment().get_template(template).render(**content)


@cache
def _environment() -> Environment:
    filters = {name: getattr(formats, name) for name in FILTERS}
    environment = templates(TEMPLATES, **filters, card_html=card_html)
    parts = (TEMPLATES / "page.css", PAGES / "drawn.css")
    style = "".join(each.read_text(encoding="utf-8") for each in parts)
    ours = {"style": Markup(style), "script": Markup(SCRIPT)}  # noqa: S704 - files of ours
    environment.globals.update({**DRAWN, **ours})
    return environment
