"""What the simulated releases came to, as tables in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import stats

from simulated.world import Ended


def row(name: str, ended: Sequence[Ended]) -> str:
    """A candidate's line of the table of a setting."""
    promoted = sum(each.was_promoted for each in ended)
    why = Counter(each.why for each in ended if each.state == "rolled back").most_common(2)
    told = ", ".join(f"{each} {times}" for each, times in why)
    cells = [name, len(ended), rolled_back(ended), f"{promoted / len(ended):.2f}", told]
    return line([*cells, *requests(ended)])


HEAD = (
    "| candidate | releases | rolled back | ever promoted | by | requests: median | 90 % |\n"
    "|---|---:|---|---:|---|---:|---:|"
)


def row_alone(guardrail: str, limit: float, twice: Sequence[Ended], at: Sequence[Ended]) -> str:
    """A guardrail's line of the table of each alone."""
    cells = [f"`{guardrail}`", f"{limit:g}", rolled_back(twice), *requests(twice), rolled_back(at)]
    return line(cells)


HEAD_ALONE = (
    "| only | limit | twice the limit: rolled back | requests: median | 90 % "
    "| at the limit: rolled back |\n|---|---:|---|---:|---:|---|"
)


def rolled_back(ended: Sequence[Ended]) -> str:
    """Their share, with its exact interval."""
    n, total = sum(each.state == "rolled back" for each in ended), len(ended)
    low, high = interval(n, total)
    return f"{n / total:.2f} ({low:.2f} to {high:.2f})"


def interval(n: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share."""
    found = stats.binomtest(n, total).proportion_ci(confidence, "exact")
    return float(found.low), float(found.high)


def requests(ended: Sequence[Ended]) -> list[str]:
    """Until the decision: the median and the 90 % quantile of those that were decided."""
    counts = [each.n for each in ended if each.state != "champion stays"]
    return [f"{np.quantile(counts, q):.0f}" if counts else "" for q in (0.5, 0.9)]


def line(cells: Iterable[object]) -> str:
    """One line of a table."""
    return f"| {' | '.join(f'{each}' for each in cells)} |"
