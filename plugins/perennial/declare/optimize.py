"""Which smaller or faster forms of a candidate are made, and how one is chosen (`optimize:`)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen
from perennial.declare.reading import nearest
from perennial.declare.strategies import Family

Variant = Literal[
    "compiled", "onnx", "merged", "quantized", "quantization_aware", "pruned", "distilled"
]
Saving = Literal["latency", "throughput", "size", "memory"]

MEANING: dict[Variant, str] = {
    "compiled": "the same model as machine code for the machine that serves",
    "onnx": "the same model as an ONNX graph",
    "merged": "adapters taken into the weights that they stand beside",
    "quantized": "large weights rounded to eight bits",
    "quantization_aware": "the same after some epochs of learning with rounded weights",
    "pruned": "the same model with parts left out that the held-out days do not miss",
    "distilled": "a smaller model of the same family that learned from its answers",
}
"""Each variant in a few words."""

VARIANTS: dict[Family, tuple[Variant, ...]] = {
    "lightgbm": ("compiled", "onnx", "pruned", "distilled"),
    "torch": ("onnx", "merged", "quantized", "quantization_aware", "pruned", "distilled"),
}
"""The variants that each family has."""


class Pruned(Frozen):
    """How far a model is pruned."""

    shares: tuple[float, ...] = Field(
        (0.8, 0.6, 0.45, 0.3, 0.2, 0.1),
        min_length=1,
        description="The shares of it that are tried (of its trees, or of the units of each "
        "block), falling; the last one before the first that loses more than max_metric_drop is "
        "taken.",
    )

    @model_validator(mode="after")
    def _shares_fall(self) -> Self:
        if any(not 0 < each < 1 for each in self.shares):
            raise ValueError(f"pruned.shares must lie between 0 and 1, got {list(self.shares)}")
        if list(self.shares) != sorted(set(self.shares), reverse=True):
            raise ValueError(f"pruned.shares must fall, got {list(self.shares)}")
        return self


class Distilled(Frozen):
    """The smaller model that learns from the candidate's answers."""

    n_trees: int = Field(100, ge=1, le=10_000, description="lightgbm: its trees.")
    num_leaves: int = Field(31, ge=2, le=1024, description="lightgbm: the most leaves of each.")
    learning_rate: float = Field(0.1, gt=0, le=1, description="lightgbm: how far each tree goes.")
    width_share: float = Field(
        0.5, gt=0, le=1, description="torch: how wide it is, as a share of the candidate's width."
    )
    blocks: int = Field(1, ge=1, le=32, description="torch: the most blocks that it has.")
    epochs: int = Field(10, ge=1, description="torch: the most passes over what it is taught.")
    student_learning_rate: float = Field(1e-3, gt=0, description="torch: of AdamW.")
    max_rows: int = Field(
        200_000,
        ge=100,
        description="The newest rows of the candidate's window that it is taught; also those by "
        "which a changed network recovers.",
    )


class Recovery(Frozen):
    """torch: how a network that was changed gets used to it, taught by what it was."""

    epochs: int = Field(3, ge=1, description="The most passes over what it learned from.")
    learning_rate: float = Field(3e-4, gt=0, description="Of AdamW.")


class Optimize(Frozen):
    """Which smaller or faster forms of a candidate are made, and how one is chosen."""

    variants: tuple[Variant, ...] = Field(
        (),
        description="Those that are made and measured beside the original; none: it goes on as it "
        "was trained. " + "; ".join(f"{name}: {told}" for name, told in MEANING.items()) + ".",
    )
    saving: Saving = Field(
        "latency",
        description="What the largest saving is measured in. latency: the median time for one row. "
        "throughput: the time per row at 256 rows. size: bytes of the answering files. memory: "
        "what loading adds to the predictor's process.",
    )
    min_saving: float = Field(
        0.1, ge=0, lt=1, description="A smaller share saved is not worth another form."
    )
    max_metric_drop: float = Field(
        0.001,
        ge=0,
        description="How much worse than the original judge.primary may be on the held-out days, "
        "at the worst end of the interval of the paired difference by day.",
    )
    tolerance: float = Field(
        1e-6,
        gt=0,
        le=1e-2,
        description="compiled, onnx: how far an answer may lie from the original's on any held-out "
        "row.",
    )
    pruned: Pruned = Field(
        default_factory=lambda: Pruned.model_validate({}), description="How far it is pruned."
    )
    recovery: Recovery = Field(
        default_factory=lambda: Recovery.model_validate({}),
        description="quantization_aware, pruned: how a changed network recovers.",
    )
    distilled: Distilled = Field(
        default_factory=lambda: Distilled.model_validate({}), description="The smaller model."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = sorted({each for each in self.variants if self.variants.count(each) > 1})
        if twice:
            raise ValueError(f"variants names {', '.join(twice)} more than once")
        return self


def mistakes(declared: Optimize, family: Family) -> list[str]:
    """The declared variants that a family has not, one sentence each.

    >>> mistakes(Optimize(variants=("compiled",)), "lightgbm")
    []
    """
    accepted = VARIANTS[family]
    return [
        f"optimize.variants: the learner {family} has no variant {each!r}{nearest(each, accepted)} "
        f"(accepted: {', '.join(accepted) or 'none'})"
        for each in declared.variants
        if each not in accepted
    ]
