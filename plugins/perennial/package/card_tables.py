"""What the parts of a model card are written with: tables, estimates, intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perennial.train.estimates import Value


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown; neither a bar nor a new line within a cell ends it.

    >>> table(("a", "b"), [("1|2", "3\\n4")])
    ['| a | b |', '| --- | --- |', '| 1&#124;2 | 3 4 |']
    """
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines]


def estimate(value: Value) -> str:
    """A number to four significant digits.

    >>> estimate(Value(estimate=0.123456, low=None, high=None))
    '0.1235'
    """
    return "not defined" if value.estimate is None else f"{value.estimate:.4g}"


def interval(value: Value) -> str:
    """Its interval.

    >>> interval(Value(estimate=0.5, low=0.25, high=0.75))
    '0.25 to 0.75'
    >>> interval(Value(estimate=0.5, low=None, high=0.75))
    'not bounded'
    """
    if value.low is None or value.high is None:
        return "not bounded"
    return f"{value.low:.4g} to {value.high:.4g}"


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "&#124;")
