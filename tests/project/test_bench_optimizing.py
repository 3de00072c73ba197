"""The table of forms tells differences with their intervals, also where one has no bound."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from perennial.declare.optimize import Optimize
from perennial.declare.strategies import Family
from perennial.learn.variants.offered import variants_of
from perennial.train.estimates import Value

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def optimizing() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("learning.optimizing")


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (-0.002, 0.0005, "-0.00100 (-0.00200 to +0.00050)"),
        (None, 0.0, "-0.00100 (unknown to +0.00000)"),
    ],
)
def test_a_difference_is_told_with_its_interval(
    optimizing: Any, low: float | None, high: float, told: str
) -> None:
    assert optimizing._apart(Value(estimate=-0.001, low=low, high=high)) == told


def test_equal_answers_lie_nowhere_apart(optimizing: Any) -> None:
    assert optimizing._apart(Value(estimate=0.0, low=0.0, high=0.0)) == "0"


@pytest.mark.parametrize("family", get_args(Family))
def test_every_form_of_every_family_is_measured(optimizing: Any, family: str) -> None:
    declared = Optimize(variants=tuple(variants_of(family)), saving=optimizing.SAVING[family])
    assert set(declared.variants) == set(variants_of(family))
