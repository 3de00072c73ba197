"""Team-draft interleaving: whole, fair, drawn again by anybody; its credit is unbiased."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from perennial.measure.interleaving import Credit, coins, preference, ranked, team_draft
from perennial.measure.sequential import EVEN, is_share

orders = st.integers(0, 12).flatmap(
    lambda n: st.tuples(
        st.permutations(range(n)), st.permutations(range(n)), st.lists(st.booleans(), min_size=n)
    )
)


@given(orders)
@settings(max_examples=300, deadline=None)
def test_every_item_is_there_once_and_each_team_has_half(
    drawn: tuple[list[int], list[int], list[bool]],
) -> None:
    old, new, tosses = drawn
    found = team_draft(old, new, tosses)
    assert sorted(each.item for each in found) == sorted(old)
    n_new = sum(each.is_new for each in found)
    assert abs(2 * n_new - len(old)) == len(old) % 2
    for start in range(0, len(found) - 1, 2):
        assert found[start].is_new != found[start + 1].is_new, "each round one pick each"


@given(orders)
@settings(max_examples=300, deadline=None)
def test_each_pick_is_the_best_that_its_team_has_left(
    drawn: tuple[list[int], list[int], list[bool]],
) -> None:
    old, new, tosses = drawn
    taken: set[int] = set()
    for each in team_draft(old, new, tosses):
        order = new if each.is_new else old
        assert each.item == next(item for item in order if item not in taken)
        taken.add(each.item)


@given(orders)
@settings(max_examples=100, deadline=None)
def test_the_other_side_of_the_coins_is_the_other_team_s_ranking(
    drawn: tuple[list[int], list[int], list[bool]],
) -> None:
    """Swapping versions and coins changes nothing but the names: none is favoured by its side."""
    old, new, tosses = drawn
    here = team_draft(old, new, tosses)
    there = team_draft(new, old, [not each for each in tosses])
    assert [(each.item, each.is_new) for each in here] == [
        (each.item, not each.is_new) for each in there
    ]


@given(orders)
@settings(max_examples=100, deadline=None)
def test_the_best_item_of_both_is_on_top_and_both_best_are_near_it(
    drawn: tuple[list[int], list[int], list[bool]],
) -> None:
    old, new, tosses = drawn
    top = [each.item for each in team_draft(old, new, tosses)[:2]]
    if old:
        assert top[0] in (old[0], new[0])
        assert old[0] in top
        assert new[0] in top


@pytest.mark.parametrize(
    ("old", "new"), [([0, 1], [0, 2]), ([0, 1], [0]), ([0, 0], [0, 0]), ([0], [])]
)
def test_orders_of_other_items_are_refused(old: list[int], new: list[int]) -> None:
    with pytest.raises(ValueError, match="must order the same items, each once"):
        team_draft(old, new, [True, True])


def test_each_team_has_each_place_as_often_over_all_coins() -> None:
    for new in permutations(range(4)):
        counts = Counter(
            (place, each.is_new)
            for tosses in product([False, True], repeat=4)
            for place, each in enumerate(team_draft(range(4), new, tosses))
        )
        assert set(counts.values()) == {8}


def test_equal_rankings_get_equal_credit_whatever_place_is_clicked() -> None:
    """Over all coins, for every set of clicked places: the credit is zero on average, exactly."""
    for clicked in product([False, True], repeat=5):
        credit = 0
        for tosses in product([False, True], repeat=3):
            teams = [each.is_new for each in team_draft(range(5), range(5), tosses)]
            new_clicks = sum(on for on, is_new in zip(clicked, teams, strict=True) if is_new)
            credit += np.sign(2 * new_clicks - sum(clicked))
        assert credit == 0


def test_coins_are_the_same_for_a_seed_and_fair() -> None:
    many = list(islice(coins("7:abc"), 100_000))
    assert many[:2000] == list(islice(coins("7:abc"), 2000))
    assert many[:64] != list(islice(coins("7:abd"), 64))
    assert stats.binomtest(sum(many), len(many)).pvalue > 0.01
    repeats = sum(one == other for one, other in pairwise(many))
    assert stats.binomtest(repeats, len(many) - 1).pvalue > 0.01
    first = sum(next(coins(f"7:{n}")) for n in range(20_000))
    assert stats.binomtest(first, 20_000).pvalue > 0.01


def test_ties_of_scores_keep_the_order_asked() -> None:
    assert ranked([0.5, 0.5, 0.9, 0.5]) == [2, 0, 1, 3]
    assert ranked([]) == []


def test_credit_counts_queries_and_not_clicks() -> None:
    found = Credit().add(3, 1).add(0, 2).add(1, 1).add(0, 0)
    assert found == Credit(n_new=1, n_old=1, n_tied=1)
    assert found.n == 3
    with pytest.raises(ValueError, match="0 or more"):
        Credit().add(-1, 0)


def test_preference_is_the_share_of_wins_less_that_of_losses() -> None:
    found = preference(Credit(30, 10, 20))
    assert found.estimate == pytest.approx((30 - 10) / 60)
    other = preference(Credit(10, 30, 20))
    mirrored = (-found.high, -found.low)
    assert (other.low, other.high) == pytest.approx(mirrored), "no side is easier"


def test_without_a_click_nothing_is_claimed() -> None:
    found = preference(Credit())
    assert np.isnan(found.estimate)
    assert (found.low, found.high) == (-1, 1)


def test_ties_alone_prefer_nothing() -> None:
    found = preference(Credit(0, 0, 1000))
    assert found.estimate == 0
    assert -0.2 < found.low < 0 < found.high < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("tied", [0.0, 0.5])
def test_equal_rankings_are_told_apart_at_any_of_1000_looks_at_most_as_often_as_said(
    tied: float,
) -> None:
    random, n_wrong = np.random.default_rng(11), 0
    for _ in range(400):
        outcomes = random.choice([0.0, 0.5, 1.0], 1000, p=[(1 - tied) / 2, tied, (1 - tied) / 2])
        hits = np.cumsum(outcomes)
        n_wrong += any(not is_share(float(hits[n]), n + 1, 0.5, 0.95, EVEN) for n in range(1000))
    assert n_wrong <= 20, "of 400 at 0.95"
