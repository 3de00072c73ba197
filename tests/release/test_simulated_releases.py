"""Whole releases, simulated: the healthy come through, the bad are caught, and none is promoted."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scipy import stats

SIMULATED = Path(__file__).parents[2] / "benchmarks" / "simulated"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


@pytest.fixture(scope="module")
def simulation() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(SIMULATED.parent)
        yield importlib.import_module("simulated.runs")


def ended(simulation: ModuleType, name: str, n_runs: int, most: int = 3000) -> list[Any]:
    return [simulation.one(name, "shipped", seed, most) for seed in range(n_runs)]


def test_a_healthy_version_is_rolled_back_at_most_as_often_as_declared(
    simulation: ModuleType,
) -> None:
    found = ended(simulation, "healthy", 12)
    n_back = sum(each.state == "rolled back" for each in found)
    assert n_back <= stats.binom.ppf(0.999, 12, 0.05)
    assert sum(each.was_promoted for each in found) >= stats.binom.ppf(0.001, 12, 0.9)


@pytest.mark.parametrize(
    ("name", "why", "most"),
    [
        ("errors, twice the limit", {"errors"}, 3000),
        ("latency, twice the limit", {"latency"}, 300),
        ("shift, twice the limit", {"score_shift"}, 300),
        ("leak, twice the limit", {"memory_mb"}, 3000),
        ("too sure, ranks agree", {"score_distribution"}, 1000),
        ("squeezed to a tenth", {"score_distribution"}, 1000),
        ("constant", {"disagreement", "score_distribution"}, 200),
        ("inverted", {"disagreement"}, 200),
        ("5xx", {"errors"}, 200),
        ("one carrier of 10 % fails", {"slices"}, 1000),
        ("one carrier of 10 % shifted by 0.5", {"slices"}, 1000),
    ],
)
def test_a_version_that_is_worse_by_the_margin_is_caught(
    simulation: ModuleType, name: str, why: set[str], most: int
) -> None:
    found = ended(simulation, name, 4, most)
    assert [each.state for each in found] == ["rolled back"] * 4
    assert not any(each.was_promoted for each in found)
    assert {each.why for each in found} <= why


@pytest.mark.parametrize("guardrail", ["errors", "latency", "score_shift", "score_distribution",
                                       "disagreement", "loss", "memory_mb"])  # fmt: skip
def test_each_guardrail_alone_catches_twice_its_limit(
    simulation: ModuleType, guardrail: str
) -> None:
    found = [simulation.one_alone(guardrail, 2, seed, 1500) for seed in range(4)]
    assert [(each.state, each.why) for each in found] == [("rolled back", guardrail)] * 4
    at_limit = [simulation.one_alone(guardrail, 1, seed, 300) for seed in range(4)]
    n_back = sum(each.state == "rolled back" for each in at_limit)
    assert n_back <= stats.binom.ppf(0.999, 4, 0.05)
