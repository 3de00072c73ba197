"""How a new version comes to answer (`release:` of a model)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen
from perennial.declare.guardrails import Guardrails
from perennial.declare.parity import Parity

Kind = Literal["canary", "shadow", "ab", "interleave", "blue_green"]

USES: dict[Kind, frozenset[str]] = {
    "canary": frozenset({"shadow", "steps", "min_requests"}),
    "shadow": frozenset({"shadow", "then"}),
    "ab": frozenset({"shadow", "ab", "min_requests"}),
    "interleave": frozenset({"shadow", "interleave", "min_requests"}),
    "blue_green": frozenset({"min_requests"}),
}
"""Which of the fields below that are not for every kind each kind reads; others are refused."""

NEEDS: dict[Kind, frozenset[str]] = {
    "canary": frozenset(),
    "shadow": frozenset({"shadow"}),
    "ab": frozenset({"ab"}),
    "interleave": frozenset({"interleave"}),
    "blue_green": frozenset(),
}
"""Which of them must not be null."""


class Shadow(Frozen):
    """Answers that are compared and never shown."""

    share: float = Field(1.0, gt=0, le=1, description="Share of the questions that are copied.")
    min_requests: int = Field(200, ge=1, description="Copies that must be compared before a step.")


class Ab(Frozen):
    """A fixed split for a fixed time, then a verdict on one measurement."""

    weight: float = Field(0.5, gt=0, lt=1, description="Share of the traffic for the challenger.")
    hours: float = Field(gt=0, description="How long the split lasts before the verdict.")
    metric: Literal["loss", "errors", "latency"] = Field(
        description="The guardrail whose measured difference (challenger minus champion, the "
        "smaller the better) gives the verdict.",
    )
    margin: float = Field(
        0.0, ge=0, description="How much worse than the champion it may surely not be, in the "
        "metric's unit; 0: it must surely be better.",
    )  # fmt: skip


class Interleave(Frozen):
    """Rankings of both versions made into one, and clicks that tell which of them is preferred."""

    share: float = Field(
        1.0, gt=0, le=1, description="Share of the queries that are interleaved; the champion "
        "ranks the others.",
    )  # fmt: skip
    min_queries: int = Field(
        100, ge=1, description="Interleaved queries with a click that a promotion needs."
    )
    margin: float = Field(
        0.0, ge=0, lt=1,
        description="How much more often than the challenger's (share of the queries with a "
        "click) the champion's ranking may surely be preferred; 0: it must surely not be.",
    )  # fmt: skip


class Release(Frozen):
    """How a proven version comes to answer: by evidence, by a verdict, by a person, or at once."""

    kind: Kind = Field(
        "canary",
        description="canary: shadow, then the steps. shadow: answers compared and never shown, "
        "then a person decides. ab: a fixed split for a time, then a verdict. interleave: for a "
        "model that ranks, both rankings made into one, until clicks tell. blue_green: all at "
        "once when its server answers and parity has passed, the old version warm.",
    )
    sticky_by: tuple[str, ...] = Field(
        (), description="Request fields whose values always go to the same version during a "
        "release; all fields when left out.",
    )  # fmt: skip
    shadow: Shadow | None = Field(
        default_factory=lambda: Shadow.model_validate({}),
        description="The first phase; null begins with what follows it.",
    )
    then: Literal["wait", "promote"] = Field(
        "wait", description="For kind shadow, once everything passed: wait for a person's "
        "`perennial release promote` until the time limit, or promote.",
    )  # fmt: skip
    steps: tuple[float, ...] = Field(
        (0.05, 0.25, 0.5), description="For kind canary: growing shares of the traffic, each "
        "below 1.",
    )  # fmt: skip
    ab: Ab | None = Field(None, description="For kind ab: the split and its verdict.")
    interleave: Interleave | None = Field(
        None, description="For kind interleave: the queries and the verdict of their clicks."
    )
    min_requests: int = Field(
        100,
        ge=1,
        description="Answers of the challenger that each step, and a verdict, needs; of "
        "kind blue_green the champion's that parity must have recomputed.",
    )
    guardrails: Guardrails = Field(
        default_factory=lambda: Guardrails.model_validate({}),
        description="What rolls it back, in every state.",
    )
    parity: Parity | None = Field(
        default_factory=lambda: Parity.model_validate({}),
        description="Recomputes what answers were made from before a promotion; null does not.",
    )
    min_labels: int = Field(
        0, ge=0, description="Labels of the challenger's answers that each phase needs, so that "
        "loss must pass; 0 goes on without, and loss only rolls back.",
    )  # fmt: skip
    confidence: float = Field(
        0.95, gt=0.5, lt=1,
        description="Of all guardrails over the whole release, however often they are looked at.",
    )  # fmt: skip
    time_limit_hours: float = Field(
        24, gt=0, description="After so long without promotion the champion stays; a pause does "
        "not stop this clock.",
    )  # fmt: skip
    blind_minutes: float = Field(
        10, gt=0, description="After so long without being able to read the evidence the champion "
        "stays, or comes back.",
    )  # fmt: skip
    armed_hours: float = Field(
        24, ge=0, description="How long after promotion the old version stays warm and the "
        "guardrails go on.",
    )  # fmt: skip
    armed_share: float = Field(
        1.0, ge=0, le=1, description="Share of the questions that the old version is asked too in "
        "that time, unseen, so that both are still compared over the same period.",
    )  # fmt: skip

    @property
    def n_phases(self) -> int:
        """In how many phases of their own evidence is gathered, the armed time included."""
        uses = USES[self.kind]
        in_shadow = "shadow" in uses and self.shadow is not None
        n_steps = len(self.steps) if "steps" in uses else 0
        asked = ("ab" in uses and self.ab) or ("interleave" in uses and self.interleave)
        return in_shadow + n_steps + bool(asked) + 1

    @model_validator(mode="after")
    def _steps_grow(self) -> Self:
        if any(not 0 < step < 1 for step in self.steps) or list(self.steps) != sorted(
            set(self.steps)
        ):
            raise ValueError(f"steps must grow and lie between 0 and 1, got {list(self.steps)}")
        if self.kind == "canary" and not self.steps and self.shadow is None:
            raise ValueError("a canary needs steps, or a shadow phase, or both")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        of_kinds = frozenset().union(*USES.values())
        idle = sorted(of_kinds & self.model_fields_set - USES[self.kind])
        for name in idle:
            by = [kind for kind, used in USES.items() if name in used]
            raise ValueError(
                f"kind {self.kind} has no use for `{name}`; leave it out, or declare "
                f"kind: {' or '.join(by)}"
            )
        for name in sorted(NEEDS[self.kind]):
            if getattr(self, name) is None:
                raise ValueError(f"kind {self.kind} needs `{name}`, which is null or left out")
        return self

    @model_validator(mode="after")
    def _verdict_can_come(self) -> Self:
        if self.kind != "ab" or self.ab is None:
            return self
        limit = getattr(self.guardrails, self.ab.metric)
        if limit is None:
            raise ValueError(
                f"ab.metric {self.ab.metric} is not measured, because guardrails.{self.ab.metric} "
                "is null; declare its limit"
            )
        if self.ab.metric == "latency" and limit.ratio is not None:
            raise ValueError("ab.metric latency needs guardrails.latency.extra_ms, not a ratio")
        if self.ab.hours >= self.time_limit_hours:
            raise ValueError(
                f"ab.hours must be below time_limit_hours ({self.time_limit_hours:g}), or no "
                f"verdict can come, got {self.ab.hours:g}"
            )
        return self

    @model_validator(mode="after")
    def _clicks_can_tell(self) -> Self:
        if self.kind != "interleave":
            return self
        if self.sticky_by:
            raise ValueError(
                "kind interleave has no use for `sticky_by`: every interleaved query meets both "
                "versions; leave it out"
            )
        if self.min_labels:
            raise ValueError(
                "kind interleave has no use for `min_labels`: what callers click is credit for a "
                "ranking and no truth for loss; leave it out, and declare interleave.min_queries"
            )
        return self
