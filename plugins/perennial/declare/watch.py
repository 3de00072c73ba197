"""What is looked at every night (`watch:` of a model)."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen


class Persistence(Frozen):
    """In how many of the last nights something must be out before it counts."""

    nights: int = Field(2, ge=1, description="Nights on which it was out, this one among them.")
    of: int = Field(3, ge=1, description="Of how many nights, the last ones.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.nights > self.of:
            raise ValueError(f"nights {self.nights} cannot be more than of {self.of}")
        return self


class Watch(Frozen):
    """Which days are compared with what the champion learned from, and what counts as drift."""

    days: int = Field(1, ge=1, description="Days before the night that are looked at.")
    min_rows: int = Field(200, ge=2, description="Fewer rows give unknown, never no drift.")
    alpha: float = Field(
        0.05, gt=0, lt=0.5, description="Share of quiet nights that may be suspected, over all "
        "columns together (Benjamini-Hochberg).",
    )  # fmt: skip
    min_effect: float = Field(
        0.1, ge=0, lt=1, description="The least distance (KS distance, Cramér's V: 0 to 1) that is "
        "worth a finding, however certain it is.",
    )  # fmt: skip
    foreign_effect: float = Field(
        0.9, gt=0, le=1, description="The distance from which a column is out even if its history "
        "is too short or too uneven to call that unlikely, as long as no day of it lay so far: "
        "hardly any of what came has been learned from.",
    )  # fmt: skip
    persistence: Persistence = Field(
        default_factory=lambda: Persistence.model_validate({}),
        description="In how many of the last nights it must be out.",
    )
    min_weight: float = Field(
        0.1, ge=0, le=1, description="Share of the model's importance that drifted features must "
        "have together before features count as drifted.",
    )  # fmt: skip
    block_days: int = Field(
        7, ge=1, description="Length of the blocks in which quiet days are resampled."
    )
    resamples: int = Field(500, ge=100, le=10_000, description="Block bootstrap resamples.")
    seed: int = Field(7, ge=0, description="Makes two reports on the same data the same report.")
    performance_days: int = Field(
        7, ge=1, description="Days whose labels tell the performance: the last ones before the "
        "night of which nearly all labels are known. Fewer than six have no interval.",
    )  # fmt: skip
    max_loss: float = Field(
        0.05, ge=0, description="How much worse the primary metric may be than when the champion "
        "was judged; more counts where the intervals of both leave no doubt. rmse and mae "
        "in standard deviations of the label.",
    )  # fmt: skip
    max_bias: float = Field(
        0.05, ge=0, description="How far the mean answer may lie from the mean label; more counts "
        "where the interval excludes 0. For regression in standard deviations of the label.",
    )  # fmt: skip
    max_slope_error: float = Field(
        0.25, ge=0, description="How far the calibration slope may lie from 1 (below it answers "
        "are too bold, above it too timid); more counts where the interval excludes 1.",
    )  # fmt: skip
    max_missing_rise: float = Field(
        0.1, ge=0, le=1, description="How much more of a column may be missing than on the worst "
        "day of the reference, before the data count as broken.",
    )  # fmt: skip
    ignore: tuple[str, ...] = Field((), description="Features that are not compared.")
