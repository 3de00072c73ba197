"""What is recomputed before a promotion (`release.parity:` of a model)."""

from __future__ import annotations

from pydantic import Field

from perennial.declare.frozen import Frozen


class Parity(Frozen):
    """Features that answers were made from, held against what they should have been."""

    rows: int = Field(
        1000, ge=1, description="Answers of the phase before the promotion that are recomputed, at "
        "most; the same answers each time.",
    )  # fmt: skip
    max_share: float = Field(
        0.0, ge=0, lt=1, description="Share of a feature's compared values that may differ, of "
        "each feature by itself.",
    )  # fmt: skip
    slow_hours: float = Field(
        6.0, ge=0, description="How long after a value that no event keeps fresh could be known "
        "the night may take to bring it online; until then the one before it is right too.",
    )  # fmt: skip
