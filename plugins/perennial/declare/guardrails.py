"""How much worse than the champion a challenger may be (`release.guardrails:` of a model)."""

from __future__ import annotations

from pydantic import Field

from perennial.declare.frozen import Frozen


class Guardrails(Frozen):
    """How much worse than the champion, over the same period, a challenger may be.

    Each is a bound on a difference (challenger minus champion) and is left out by declaring null;
    the release's record then says that nothing guards it. It passes when the difference is surely
    below it, which takes the more answers the smaller it is: without one failure, an `errors` of
    0.05 some 140 in each phase, of 0.02 some 370.
    """

    errors: float | None = Field(
        0.05, ge=0, le=1, description="Share of questions that it fails to answer."
    )
    slow: float | None = Field(
        0.1, ge=0, le=1, description="Share of answers that take longer than slow_ms."
    )
    slow_ms: float = Field(250, gt=0, description="From how many milliseconds an answer is slow.")
    score_shift: float | None = Field(
        0.1, ge=0, description="Shift of the mean score, either way, in the champion's standard "
        "deviations for the task regression and as it is for binary.",
    )  # fmt: skip
    disagreement: float | None = Field(
        0.3, ge=0, le=2,
        description="1 minus the rank correlation of both scores, where both are asked the same: "
        "in shadow and after promotion.",
    )  # fmt: skip
    loss: float | None = Field(
        0.05, ge=0, description="Mean loss once labels are known: Brier score for binary, absolute "
        "error in the champion's standard deviations for regression.",
    )  # fmt: skip
