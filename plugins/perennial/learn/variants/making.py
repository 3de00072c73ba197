"""What every maker of variants is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from perennial.declare.optimize import Optimize
from perennial.declare.train import Train
from perennial.learn.contract import Evidence, Learner

VARIANT = "variant.json"
"""The answering file of a version whose answers come from another form than the family's own. It
names the family and the variant, and holds what is needed to load it."""


class NotPossibleError(ValueError):
    """This variant cannot be made of this model, and why; the model goes on without it."""


@dataclass(frozen=True)
class Making:
    """What a variant is made with."""

    declared: Optimize
    train: Train
    learned: Callable[[], Evidence]
    """Reads the rows that the original learned from, its newest last."""
    is_as_good: Callable[[Learner], bool]
    """Whether a learner loses no more than `max_metric_drop` on the held-out days, beyond doubt."""


class Make(Protocol):
    """How a family makes one variant of a learner of its own; twice gives the same bytes.

    Raises NotPossibleError when this learner cannot be brought into that form.
    """

    def __call__(self, original: Learner, making: Making) -> Learner: ...


@dataclass(frozen=True)
class Variant:
    """One variant of one family."""

    make: Make
    is_exact: bool
    """Whether it promises the original's answers (within `optimize.tolerance`), row by row."""


Form = TypeVar("Form", bound=Learner)


def smallest_as_good(
    making: Making, shares: Sequence[float], form_of: Callable[[float], Form], parts: str
) -> Form:
    """The smallest form before the first that loses too much; NotPossibleError without any.

    `shares` fall, and the first that fails ends it: so however many are tried, the risk of taking
    one that is really worse stays that of a single test (a fixed sequence; Maurer, Hothorn and
    Lehmacher 1995).
    """
    found = None
    for share in shares:
        form = form_of(share)
        if not making.is_as_good(form):
            break
        found = form
    if found is None:
        raise NotPossibleError(
            f"{making.declared.pruned.shares[0]:.0%} of {parts} already lose more than "
            f"max_metric_drop {making.declared.max_metric_drop:g}, or may"
        )
    return found
