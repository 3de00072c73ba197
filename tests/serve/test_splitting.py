"""The split is fair, sticky, and moves callers one way only."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.serve.splitting import is_copied, place

N = 20_000
PLACES = [place(7, {"shop": f"shop {n}", "trays": 4.0}) for n in range(N)]


@pytest.mark.faults
@pytest.mark.parametrize("weight", [0.01, 0.05, 0.25, 0.5, 0.9])
def test_the_observed_share_is_within_three_sigma_of_the_weight(weight: float) -> None:
    sigma = math.sqrt(weight * (1 - weight) / N)
    assert abs(sum(each < weight for each in PLACES) / N - weight) < 3 * sigma


@pytest.mark.faults
def test_twenty_thousand_questions_of_the_same_askers_stay_with_their_version() -> None:
    """Whatever else they ask: 500 shops with 40 questions each, and a shop is one or the other."""
    shops = [f"shop {n % 500}" for n in range(N)]
    asked = [{"shop": shop, "trays": float(n)} for n, shop in enumerate(shops)]
    placed = {
        (shop, place(7, each, ["shop"]) < 0.3) for shop, each in zip(shops, asked, strict=True)
    }
    assert len(placed) == 500
    share = sum(is_challenged for _, is_challenged in placed) / 500
    assert abs(share - 0.3) < 3 * math.sqrt(0.3 * 0.7 / 500)


@pytest.mark.faults
@given(
    st.integers(1, 10**6),
    st.dictionaries(st.text(max_size=8), st.text() | st.integers(-(2**53), 2**53) | st.none()),
    st.lists(st.floats(0, 1), min_size=2),
)
def test_whoever_came_to_the_challenger_stays_while_the_weight_grows(
    release_id: int, known: dict[str, object], weights: list[float]
) -> None:
    stands = place(release_id, known)
    assert 0 <= stands < 1
    came = [stands < weight for weight in sorted(weights)]
    assert came == sorted(came), "from the champion to the challenger, never back"


def test_a_growing_weight_moves_callers_one_way_only() -> None:
    before: set[int] = set()
    for weight in (0.0, 0.05, 0.25, 0.5, 0.75, 1.0):
        challenged = {n for n, each in enumerate(PLACES) if each < weight}
        assert before <= challenged
        before = challenged
    assert len(before) == N, "a weight of 1 is everybody"


def test_another_release_splits_otherwise() -> None:
    """So that the same callers do not always bear the risk."""
    both = sum(
        place(8, {"shop": f"shop {n}", "trays": 4.0}) < 0.5 and PLACES[n] < 0.5 for n in range(N)
    )
    assert abs(both / N - 0.25) < 3 * math.sqrt(0.25 * 0.75 / N)


def test_only_the_sticky_fields_count() -> None:
    at = datetime(2024, 5, 3, 13, tzinfo=UTC)
    known = {"shop": "north", "trays": 4.0, "baked_at": at}
    later = {"shop": "north", "trays": 9.0, "baked_at": at + timedelta(days=1)}
    assert place(7, known, ["shop"]) == place(7, later, ["shop"])
    assert place(7, known) != place(7, later)
    assert place(7, known, ["shop"]) != place(7, {**known, "shop": "south"}, ["shop"])


@given(st.permutations(["shop", "oven", "trays", "baked_at"]), st.integers(-12, 12))
def test_neither_order_nor_offset_of_what_is_asked_matters(order: list[str], hours: int) -> None:
    at = datetime(2024, 5, 3, 13, tzinfo=UTC)
    known = {"shop": "nörth", "oven": None, "trays": 4.0, "baked_at": at}
    same = {**known, "baked_at": at.astimezone(timezone(timedelta(hours=hours)))}
    assert place(7, known) == place(7, {name: same[name] for name in order})
    assert place(7, known, order) == place(7, known)


def test_the_place_is_what_the_documents_say() -> None:
    """SHA-256 of `<release>:<JSON with sorted names>`, as a share of all numbers of 256 bits."""
    import hashlib

    known = {"trays": 4.0, "baked_at": datetime(2024, 5, 3, 13, tzinfo=UTC)}
    text = '7:{"baked_at":"2024-05-03T13:00:00Z","trays":4.0}'
    assert place(7, known) == int(hashlib.sha256(text.encode()).hexdigest(), 16) / 2**256


def test_copies_are_a_fair_share_that_does_not_hang_on_the_split() -> None:
    ids = [f"{n:032x}" for n in range(N)]
    copied = [is_copied(7, each, 0.3) for each in ids]
    assert abs(sum(copied) / N - 0.3) < 3 * math.sqrt(0.3 * 0.7 / N)
    assert copied == [is_copied(7, each, 0.3) for each in ids]
    assert all(is_copied(7, each, 1.0) for each in ids)
    assert not any(is_copied(7, each, 0.0) for each in ids)
