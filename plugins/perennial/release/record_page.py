"""The page of a release and its twin in JSON: pure functions of its record."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from perennial.draw import formats
from perennial.draw.templates import templates
from perennial.release.record_sequences import confidence_sequence, is_drawn
from perennial.release.record_told import Told
from perennial.release.record_traffic import traffic_over_time

PAGES = Path(__file__).parent / "pages"

FILTERS = ("number", "count", "share", "moment", "instant", "words", "many")

IN_WORDS = {
    "pending": "It waits for its server, or for parity, and is not asked yet.",
    "shadow": "It is asked copies of the questions; nobody sees its answers.",
    "canary": "It answers a part of the questions.",
    "promoted": "It answers everything, and the way back is open.",
    "done": "It answered everything from its promotion on, and the release is over.",
    "rolling_back": "It goes back to what answered before.",
    "rolled_back": "It went back to what answered before.",
}


def page(told: Told) -> str:
    """One HTML page that opens without a network and needs no script."""
    pages = templates(PAGES, **{name: getattr(formats, name) for name in FILTERS})
    return pages.get_template("record.j2").render(
        told=told,
        release=told.release,
        words=IN_WORDS.get(told.release.state, ""),
        traffic=traffic_over_time(told.stretches, told.holds),
        measured=[each for each in told.newest if each.outcome != "undeclared"],
        undeclared=[each.guardrail for each in told.newest if each.outcome == "undeclared"],
        sequences=sequences(told),
        n_not_kept=sum(each.n_not_kept for each in told.points),
    )


def sequences(told: Told) -> list[tuple[str, Any]]:
    """The plot of each guardrail that has numbers over time, by its name."""
    series = [(name, told.series(name)) for name in told.guardrails]
    return [
        (name, confidence_sequence(name, each)) for name, each in series if is_drawn(name, each)
    ]


def twin(told: Told) -> str:
    """The same for programs: the release, its record, and every measurement that was kept."""
    content = {
        "release": {**asdict(told.release), "measured": json.loads(told.release.measured)},
        "record": [asdict(each) for each in told.record],
        "measurements": [asdict(each) for each in told.points],
        "until": told.until,
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
