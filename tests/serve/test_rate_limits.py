"""Token buckets against a clock of our own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.declare.gateway import Rate
from perennial.serve.rate_limits import TokenBuckets


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_as_many_as_declared() -> None:
    clock = Clock()
    buckets = TokenBuckets(Rate(per_second=2, burst=3), clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.25
    assert buckets.take("a") == pytest.approx(0.25)
    clock.now += 0.25
    assert buckets.take("a") == 0
    clock.now += 3600
    assert [bool(buckets.take("a")) for _ in range(4)] == [False, False, False, True]


def test_nobody_pays_for_another() -> None:
    buckets = TokenBuckets(Rate(per_second=0.001, burst=1), Clock())
    assert [buckets.take(each) for each in "abc"] == [0, 0, 0]
    assert all(buckets.take(each) for each in "abc")


def test_memory_is_bounded_and_the_busy_are_remembered() -> None:
    buckets = TokenBuckets(Rate(per_second=0.001, burst=1), Clock(), most=100)
    buckets.take("busy")
    for number in range(10_000):
        buckets.take(str(number))
        assert buckets.take("busy") > 0
    assert len(buckets) == 100


@given(st.floats(0.1, 100), st.integers(1, 20), st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_never_more_pass_than_burst_and_rate_allow(
    per_second: float, burst: int, waits: list[float]
) -> None:
    clock = Clock()
    buckets = TokenBuckets(Rate(per_second=per_second, burst=burst), clock)
    n_passed = 0
    for wait in waits:
        clock.now += wait
        n_passed += not buckets.take("a")
    assert n_passed <= burst + per_second * sum(waits) + 1e-6
