"""What a candidate must show before it may serve (`judge:` of a model)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen

MetricName = Literal[
    "roc_auc", "log_loss", "average_precision", "brier_score", "calibration_error",
    "rmse", "mae", "r2",
]  # fmt: skip


class Baseline(Frozen):
    """A simple rule that a model has to beat."""

    kind: Literal["rate_by", "yesterday"] = Field(
        description="rate_by: the training window's mean label per group. "
        "yesterday: the mean label of the day before."
    )
    columns: tuple[str, ...] = Field((), description="rate_by: feature columns that form groups.")

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        if (self.kind == "rate_by") != bool(self.columns):
            raise ValueError("rate_by needs columns, yesterday takes none")
        return self

    @property
    def name(self) -> str:
        """How reports call it."""
        return "_".join([self.kind, *self.columns])


class Judge(Frozen):
    """What a candidate must show before it may serve."""

    days: int = Field(
        28, ge=1, description="Days before the judging date that are judged on, at most."
    )
    held_back_days: int = Field(
        7,
        ge=1,
        description="Days before the night that a nightly training leaves out, so that it can be "
        "judged on them; judging needs at least so many.",
    )
    primary: MetricName = Field(description="The metric that decides between two models.")
    metrics: tuple[MetricName, ...] = Field(min_length=1, description="All reported metrics.")
    limits: dict[MetricName, float] = Field(
        default_factory=dict,
        description="Per metric the worst accepted value (a floor where higher is better).",
    )
    margin: float = Field(
        0.0, ge=0, lt=1,
        description="Non-inferiority: how much worse than the champion (primary metric, absolute) "
        "the candidate may be at the interval's worst end. 0 asks for a win beyond doubt.",
    )  # fmt: skip
    baselines: tuple[Baseline, ...] = Field(min_length=1, description="Rules that it must beat.")
    slices: tuple[str, ...] = Field((), description="Feature columns to report by.")
    min_rows: int = Field(1000, ge=2, description="Fewer labelled rows are not enough evidence.")
    resamples: int = Field(300, ge=100, le=10_000, description="Bootstrap resamples, by day.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Coverage of the intervals.")
