"""The one list of stages: the life of the data, in order, one word each.

The same word is the sub-package, the command, the DVC stage, the Airflow task and the heading in
the README.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from perennial.keep.report import Report


@dataclass(frozen=True)
class Stage:
    """One stage: its word, what it does, and the strings that it takes."""

    name: str
    does: str
    takes: dict[str, str | None]
    """Argument → its default; None where it has to be given."""

    def run(self, **arguments: Any) -> Report:
        """Call the stage's function; imports nothing of it before."""
        function: Callable[..., Report] = getattr(
            import_module(f"perennial.{self.name}"), self.name
        )
        return function(**arguments)


PERIOD: dict[str, str | None] = {"start": None, "end": None}
NIGHT: dict[str, str | None] = {"model": None, "at": None}

MEANING = {
    "source": "A source's name, or all.",
    "layer": "The layer: raw or marts.",
    "model": "The model's name.",
    "start": "The first UTC day, as YYYY-MM-DD.",
    "end": "The day after the last, as YYYY-MM-DD.",
    "at": "The night on whose behalf it happens, as YYYY-MM-DD: only what was known then counts.",
    "until": "The first day to leave out of the learning, as YYYY-MM-DD; the night unless given.",
    "strategy": "How it learns, by a strategy's name; the declared one unless given.",
    "window_days": "How many days to learn from; as declared unless given.",
    "online_at": "Also fill the online store, as of the first moment of this day.",
}
"""What each argument means."""

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("land", "bring a period of each source into the lake", {"source": "all", **PERIOD}),
        Stage("check", "hold a layer's tables against their gates", {"layer": None, **PERIOD}),
        Stage("layer", "build the marts of a period with dbt", PERIOD),
        Stage(
            "features",
            "build a model's training rows, fill the online store",
            {"model": None, **PERIOD, "online_at": ""},
        ),
        Stage(
            "train",
            "make a candidate, from scratch or from what serves",
            {**NIGHT, "until": "", "strategy": "", "window_days": ""},
        ),
        Stage("optimize", "pick the variant of the candidate that goes on", NIGHT),
        Stage("judge", "compare the candidate with what serves and with baselines", NIGHT),
        Stage("package", "make a signed Bento of the blessed candidate", NIGHT),
        Stage("deploy", "start it on a slot of its own and prove its answers", NIGHT),
        Stage("release", "let what is proven answer, in the declared steps", NIGHT),
        Stage(
            "watch", "see what changed since the champion learned, and whether it matters", NIGHT
        ),
        Stage("decide", "decide what is done about it, by the declared policy", NIGHT),
    )
}
