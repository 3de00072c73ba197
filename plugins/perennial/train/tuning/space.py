"""Where trials are drawn from, in Optuna's words, and what a drawn point means in ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perennial.declare.searched import is_whole, search_of, start_of
from perennial.declare.train import Train

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 4
"""A number that is tried has so many digits, so that it can be declared exactly as it was tried."""


class Space:
    """The searched parameters of a declaration."""

    def __init__(self, train: Train) -> None:
        self.train = train
        self.search = search_of(train.learner, train.tune)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Per parameter what Optuna draws from."""
        return {name: self._distribution(name) for name in self.search}

    @property
    def start(self) -> dict[str, Any]:
        """The point of the space that is nearest to the declared parameters.

        Trial 0 itself is learned with the declared ones, wherever they lie; Optuna, which can
        only think of points of the space, takes it for this one.
        """
        return {name: self._nearest(name) for name in self.search}

    def parameters(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """The searched parameters at a drawn point."""
        return {name: self._written(name, drawn[name]) for name in self.search}

    def declared(self) -> dict[str, Any]:
        """The searched parameters as they are without a search."""
        given = self.train.parameters
        return {name: start_of(self.train.learner, given, name) for name in self.search}

    def _distribution(self, name: str) -> BaseDistribution:
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        each = self.search[name]
        if each.low is None or each.high is None:
            return CategoricalDistribution(each.choices)
        if is_whole(self.train.learner, name):
            low, high = int(each.low), int(each.high)
            return IntDistribution(low, high, log=each.log, step=int(each.step or 1))
        return FloatDistribution(each.low, each.high, log=each.log, step=each.step)

    def _nearest(self, name: str) -> Any:
        each, value = self.search[name], self.declared()[name]
        if each.low is None or each.high is None:
            return value if value in each.choices else each.choices[0]
        value = min(max(value, each.low), each.high)
        if each.step is not None:
            value = each.low + round((value - each.low) / each.step) * each.step
        return int(value) if is_whole(self.train.learner, name) else float(value)

    def _written(self, name: str, value: Any) -> Any:
        each = self.search[name]
        if not isinstance(value, float) or each.low is None or each.high is None:
            return value
        if each.step is not None:
            return float(f"{value:.12g}")
        return min(max(float(f"{value:.{DIGITS}g}"), each.low), each.high)
