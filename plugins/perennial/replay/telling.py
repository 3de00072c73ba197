"""A rehearsal's nights as lines of text, each printed as soon as its night is over."""

from __future__ import annotations

from perennial.declare.model import Model
from perennial.replay.rehearsal import Lived

WIDTHS = {
    "night": 10,
    "asked": 6,
    "labels": 6,
    "found": 34,
    "decided": 12,
    "release": 22,
    "live": 12,
}


def heading(model: Model) -> str:
    """The names of the columns."""
    cells = [f"{name:<{width}}" for name, width in WIDTHS.items()]
    return "  ".join([*cells, *(f"{name:>8}" for name in _metrics(model))])


def line(model: Model, lived: Lived) -> str:
    """One night: what was asked on its day, found, decided and released, and how good it was."""
    night = lived.night
    found = {
        "night": night.at,
        "asked": str(lived.n_answered),
        "labels": str(lived.n_labels),
        "found": night.found,
        "decided": night.decided,
        "release": night.released,
        "live": night.live,
    }
    cells = [f"{_cut(found[name], width):<{width}}" for name, width in WIDTHS.items()]
    metrics = [lived.metrics.get(name) for name in _metrics(model)]
    numbers = [f"{'-' if each is None else format(each, '.4f'):>8}" for each in metrics]
    return "  ".join([*cells, *numbers])


def _metrics(model: Model) -> list[str]:
    """The primary metric and the next declared one."""
    others = [name for name in model.judge.metrics if name != model.judge.primary]
    return [model.judge.primary, *others[:1]]


def _cut(text: str, width: int) -> str:
    """A text that fits; what is cut off is marked.

    >>> _cut("everything", 6)
    'every…'
    """
    return text if len(text) <= width else f"{text[: width - 1]}…"
