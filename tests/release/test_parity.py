"""What answers were made from is what it should have been, or is named with both values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from .parity_world import BEFORE, Market, opened, patch

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    patch(monkeypatch)
    made = opened(tmp_path / "market")
    yield made
    made.close()


@pytest.mark.faults
def test_a_thousand_answers_are_recomputed_value_by_value_fresh_ones_included(
    market: Market,
) -> None:
    market.live(BEFORE + HOUR, n_steps=250, questions=5)
    found = market.parity()
    assert (found.n_answers, found.n_mismatches, found.outcome) == (1000, 0, "passed")
    assert found.n_values == 1000 * len(market.online.inputs.names)
    assert found.left_out == {}


@pytest.mark.faults
def test_a_spoiled_online_value_is_named_with_feature_entity_and_both_values(
    market: Market,
) -> None:
    now = market.live(BEFORE + HOUR, n_steps=20)
    market.visit("stall 7", now)
    market.freshener.tick()
    truth = market.ask("stall 7", now + SECOND)["features"]["rush__pairs"]
    market.spoil("stall 7", 90)
    market.ask("stall 7", now + 2 * SECOND)
    found = market.parity()
    assert found.outcome == "failed"
    assert found.by_feature == {"rush__pairs": 1}
    (example,) = found.examples
    assert (example.feature, example.entity) == ("rush__pairs", {"stall": "stall 7"})
    assert (example.logged, example.recomputed) == (45.0, truth)
    assert f"rush__pairs of stall=stall 7 at {now + 2 * SECOND:%Y-%m-%dT%H:%M:%SZ}" in found.says
    assert f"logged 45.0, recomputed {truth}" in found.says
