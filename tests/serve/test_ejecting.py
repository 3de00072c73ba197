from __future__ import annotations

from itertools import pairwise

import pytest

from perennial.serve import ejecting
from perennial.serve.ejecting import Ejector


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(ejecting, "time", made)
    return made


def probes(ejector: Ejector, clock: Clock, seconds: float) -> list[float]:
    """When callers are let through, a hundred asking every second; each times out after 1 s."""
    found, began = [], clock.now
    for _ in range(int(seconds * 100)):
        clock.now += 0.01
        if not ejector.is_out(1.0):
            found.append(round(clock.now - began, 2))
            ejector.timed_out()
    return found


def test_two_time_outs_are_forgiven(clock: Clock) -> None:
    ejector = Ejector()
    for _ in range(20):
        ejector.timed_out()
        ejector.timed_out()
        assert not ejector.is_out(1.0)
        ejector.answered()


def test_a_server_that_hangs_is_probed_ever_more_rarely(clock: Clock) -> None:
    ejector = Ejector()
    for _ in range(16):  # those under way when it began to hang
        ejector.timed_out()
    found = probes(ejector, clock, 60)
    assert found[0] == pytest.approx(0.5, abs=0.02)
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert gaps == pytest.approx([2, 3, 5, 9, 9, 9, 9, 9], abs=0.02)


def test_one_answer_ends_it(clock: Clock) -> None:
    ejector = Ejector()
    for _ in range(3):
        ejector.timed_out()
    assert ejector.is_out(1.0)
    ejector.answered()  # also one that was asked before
    assert not ejector.is_out(1.0)
    for _ in range(3):
        ejector.timed_out()
    assert probes(ejector, clock, 1) == [pytest.approx(0.5, abs=0.02)], "it begins anew"
