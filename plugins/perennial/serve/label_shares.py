"""How many labels one API key may give today, so that no single one steers what is released.

A label counts when it comes: of the labels of a model that came this UTC day, one key gives at most
the declared share, and a declared number in any case. What is above is set aside: journaled as one
entry of the kind `set_aside`, which has no `prediction_id`, so that no reader can take it for
labels, and told to the caller, who may send it again once others have given more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from perennial.declare.gateway import LabelShare

Row = dict[str, Any]


def allowed(share: LabelShare, given: Mapping[str, int], caller: str) -> int:
    """How many more labels a caller may give, when so many were `given` today by each.

    >>> share = LabelShare(most=0.5, minimum=10)
    >>> allowed(share, {}, "a"), allowed(share, {"a": 8, "b": 30}, "a")
    (10, 22)
    >>> allowed(share, {"a": 30, "b": 30}, "a")
    0
    """
    own = given.get(caller, 0)
    others = sum(given.values()) - own
    most = math.floor(share.most / (1 - share.most) * others + 1e-9)  # 0.9 of 9 others' one is 81
    return max(0, max(share.minimum, most) - own)


def aside(model: str, rows: Sequence[Row], caller: str, at: datetime) -> list[Row]:
    """The journal's entry for labels that are set aside; none for none."""
    if not rows:
        return []
    labels = [[row["prediction_id"], row["label"]] for row in rows]
    return [{"kind": "set_aside", "model": model, "at": at, "by": caller, "labels": labels}]
