"""Rows by the values of a column, the most frequent first."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MAX_PARTS = 50
OTHERS = "(all others)"


def parts(values: Sequence[object]) -> list[tuple[str | None, npt.NDArray[np.bool_]]]:
    """Each value as text (None where it is missing) and which of the values (n,) it is.

    A column with more than 50 values has the rest of its rows together as "(all others)".

    >>> [(value, int(is_in.sum())) for value, is_in in parts(["a", "b", None, "b"])]
    [('b', 2), ('a', 1), (None, 1)]
    """
    texts = np.array([None if each is None else str(each) for each in values], dtype=object)
    counts = Counter(texts.tolist())
    ranked = sorted(counts, key=lambda text: (-counts[text], text is None, text or ""))
    found = [(text, texts == text) for text in ranked[:MAX_PARTS]]
    if len(ranked) > MAX_PARTS:
        rest = set(ranked[MAX_PARTS:])
        found.append((OTHERS, np.array([text in rest for text in texts])))
    return found
