"""How much worse than the champion a challenger may be (`release.guardrails:` of a model)."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen

LOOKED_AT = ("errors", "latency", "score_shift", "score_distribution", "disagreement", "loss",
             "memory_mb", "slices")  # fmt: skip
"""The guardrails, in the order in which they are told."""


class Latency(Frozen):
    """How much longer an answer may take, at a quantile; by milliseconds or by a ratio."""

    quantile: float = Field(
        0.9, gt=0, lt=1,
        description="Which quantile of the time to an answer; 0.99 takes some ten times as many "
        "answers to be known as 0.9.",
    )  # fmt: skip
    extra_ms: float | None = Field(
        None, gt=0, description="By how many milliseconds the challenger's may be longer."
    )
    ratio: float | None = Field(
        None, gt=1, description="How many times as long it may be; instead of extra_ms."
    )

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.extra_ms is None) == (self.ratio is None):
            raise ValueError(
                f"latency needs one of extra_ms and ratio, got extra_ms {self.extra_ms} "
                f"and ratio {self.ratio}"
            )
        return self


class Guardrails(Frozen):
    """How much worse than the champion, over the same period, a challenger may be.

    Each is a bound on a difference (challenger minus champion) and is left out by declaring null;
    the release's record then says that nothing guards it. It passes when the difference is surely
    below it, which takes the more requests the smaller it is (docs/guardrails.md).
    """

    errors: float | None = Field(
        0.05, ge=0, le=1, description="Share of requests that it fails to answer."
    )
    latency: Latency | None = Field(
        default_factory=lambda: Latency(quantile=0.9, extra_ms=250),
        description="Time to an answer, at a quantile.",
    )
    score_shift: float | None = Field(
        0.1, ge=0, description="Shift of the mean score, either way, in the champion's standard "
        "deviations for the task regression and as it is for binary.",
    )  # fmt: skip
    score_distribution: float | None = Field(
        0.3, ge=0, le=1,
        description="Largest difference between the shares of both versions' scores below any of "
        "nine cuts, the deciles of the champion's first 50 scores: a shape that changes while the "
        "mean stays.",
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
    memory_mb: float | None = Field(
        20, gt=0, description="Megabytes by which the memory of its server grows in 1,000 requests "
        "beyond the champion's growth.",
    )  # fmt: skip
    slices: tuple[str, ...] = Field(
        (), description="Request fields or features with few values (the first 20 of each): "
        "errors, score_shift and loss are also looked at where they have each value.",
    )  # fmt: skip

    @property
    def declared(self) -> list[str]:
        """The names of those that guard anything; the declared error is shared between them."""
        return [name for name in LOOKED_AT if getattr(self, name) not in (None, ())]
