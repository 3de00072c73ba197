"""When a value that was logged is the one that was recomputed."""

from __future__ import annotations

import math
from typing import Any

RELATIVE = 1e-9


def is_equal(logged: Any, recomputed: Any) -> bool:
    """Floats to one part in 10⁹, everything else exactly; NaN counts as nothing known.

    >>> is_equal(3, 3.0), is_equal(0.1 + 0.2, 0.3), is_equal(None, float("nan"))
    (True, True, True)
    >>> is_equal(3, 4), is_equal("3", 3), is_equal(None, 0), is_equal(True, 1)
    (False, False, False, False)
    """
    logged, recomputed = known(logged), known(recomputed)
    if logged is None or recomputed is None:
        return logged is recomputed
    numbers = [each for each in (logged, recomputed) if is_number(each)]
    if len(numbers) == 2:
        if isinstance(logged, int) and isinstance(recomputed, int):
            return logged == recomputed
        return math.isclose(logged, recomputed, rel_tol=RELATIVE, abs_tol=0.0)
    return not numbers and type(logged) is type(recomputed) and bool(logged == recomputed)


def known(value: Any) -> Any:
    """The value, or None for NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def is_number(value: Any) -> bool:
    """Whether it is a number; truths are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
