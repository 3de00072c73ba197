"""What `perennial tune` may try, and how much of it (`train.tune:` of a model)."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen

Choice = bool | int | float | str


class Search(Frozen):
    """Where one parameter is looked for: between two ends, or among choices."""

    low: float | None = Field(None, allow_inf_nan=False, description="The lowest value tried.")
    high: float | None = Field(None, allow_inf_nan=False, description="The highest value tried.")
    log: bool = Field(False, description="Whether twice as much is as far as half as much.")
    step: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Only low, low + step, low + 2 step, …"
    )
    choices: tuple[Choice, ...] = Field((), description="Instead of two ends: the values tried.")

    @model_validator(mode="after")
    def _is_one_of_two_kinds(self) -> Self:
        if self.choices:
            if not (self.low is None and self.high is None and self.step is None) or self.log:
                raise ValueError("choices stand alone, without low, high, log and step")
            if len({repr(each) for each in self.choices}) < max(2, len(self.choices)):
                raise ValueError(f"choices must be two or more different values, got {self}")
            return self
        if self.low is None or self.high is None:
            raise ValueError("either low and high are needed, or choices")
        if self.low >= self.high:
            raise ValueError(f"low must be less than high, got {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"with log, low must be more than 0, got {self.low:g}")
        self._check_step(self.low, self.high)
        return self

    def _check_step(self, low: float, high: float) -> None:
        if self.step is None:
            return
        if self.log:
            raise ValueError("log and step exclude each other")
        step, distance = Decimal(str(self.step)), Decimal(str(high)) - Decimal(str(low))
        if distance % step:
            nearest = Decimal(str(low)) + distance // step * step
            raise ValueError(
                f"steps of {self.step:g} from {low:g} do not end at {high:g}, the last one is "
                f"{nearest:g}"
            )

    def __str__(self) -> str:
        """As messages and the page show it.

        >>> print(Search(low=1, high=10, log=True)), print(Search(choices=(1, 2)))
        1 to 10 (log)
        1, 2
        (None, None)
        """
        if self.choices:
            return ", ".join(map(str, self.choices))
        step = f" by {self.step:g}" if self.step is not None else ""
        return f"{self.low:g} to {self.high:g}{step}{' (log)' if self.log else ''}"


class Tune(Frozen):
    """What `perennial tune` tries. Nothing is tuned unless that command is run."""

    folds: int = Field(
        4, ge=1, le=100, description="How often a trial is judged: each time on other days, after "
        "learning from what was known before them."
    )  # fmt: skip
    days: int = Field(7, ge=1, description="The days that each fold is judged on.")
    confirm_days: int = Field(
        7, ge=1, description="The newest days, which no trial is judged on: on them the best is at "
        "last held beside the declared parameters. Fewer than 6 give no interval."
    )  # fmt: skip
    trials: int = Field(
        30, ge=1, description="The most trials, that of the declared parameters included."
    )
    minutes: float = Field(
        60.0,
        gt=0,
        allow_inf_nan=False,
        description="The most minutes of all runs together; whichever ends first.",
    )
    search: dict[str, Search] = Field(
        default_factory=dict,
        description="Per parameter of the learner where it is looked for; when empty, some that "
        "usually tell (docs/tuning.md). All others stay as declared.",
    )
