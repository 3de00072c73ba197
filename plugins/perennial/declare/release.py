"""How a new version comes to answer (`release:` of a model)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen
from perennial.declare.guardrails import Guardrails


class Shadow(Frozen):
    """Answers that are compared and never shown."""

    share: float = Field(1.0, gt=0, le=1, description="Share of the questions that are copied.")
    min_requests: int = Field(200, ge=1, description="Copies that must be compared before a step.")


class Release(Frozen):
    """Shadow, then canary steps by evidence, then promotion; or all at once."""

    kind: Literal["canary", "at_once"] = Field(
        "canary",
        description="canary: shadow, then the steps. at_once: a proven version answers everything.",
    )
    sticky_by: tuple[str, ...] = Field(
        (), description="Request fields whose values always go to the same version during a "
        "release; all fields when left out.",
    )  # fmt: skip
    shadow: Shadow | None = Field(
        default_factory=lambda: Shadow.model_validate({}),
        description="The first phase; null begins with the first step.",
    )
    steps: tuple[float, ...] = Field(
        (0.05, 0.25, 0.5), description="Growing shares of the traffic, each below 1."
    )
    min_requests: int = Field(
        100, ge=1, description="Answers of the challenger that each step needs."
    )
    guardrails: Guardrails = Field(
        default_factory=lambda: Guardrails.model_validate({}),
        description="What rolls it back, in every state.",
    )
    min_labels: int = Field(
        0, ge=0, description="Labels of the challenger's answers that each phase needs, so that "
        "loss must pass; 0 goes on without, and loss only rolls back.",
    )  # fmt: skip
    confidence: float = Field(
        0.95, gt=0.5, lt=1,
        description="Of each guardrail over the whole release, however often it is looked at.",
    )  # fmt: skip
    time_limit_hours: float = Field(
        24, gt=0, description="After so long without promotion the champion stays."
    )
    armed_hours: float = Field(
        24, ge=0, description="How long after promotion the old version stays warm and the "
        "guardrails go on.",
    )  # fmt: skip
    armed_share: float = Field(
        1.0, ge=0, le=1, description="Share of the questions that the old version is asked too in "
        "that time, unseen, so that both are still compared over the same period.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _steps_grow(self) -> Self:
        if any(not 0 < step < 1 for step in self.steps) or list(self.steps) != sorted(
            set(self.steps)
        ):
            raise ValueError(f"steps must grow and lie between 0 and 1, got {list(self.steps)}")
        if self.kind == "canary" and not self.steps and self.shadow is None:
            raise ValueError("a canary needs steps, or a shadow phase, or both")
        return self
