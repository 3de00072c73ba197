"""Clicks on interleaved rankings: one outcome a query, which never changes; bounded; resumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.release import Release as Declared
from perennial.keep import release_changes, releases
from perennial.keep.journal import Journal
from perennial.keep.releases import Recorded
from perennial.measure.interleaving import Credit
from perennial.release import clicks
from perennial.release.evidence import Evidence
from perennial.release.guardrails import measure
from perennial.release.measurement import Measurement, Setting
from perennial.release.seen import Phase

RELEASE = replace(
    release_changes.plan("m", "v2", "green", night="2024-02-01", why="test", kind="interleave"),
    id=7,
    stable_version="v1",
    stable_slot="blue",
)
DECLARED: dict[str, Any] = {
    "kind": "interleave",
    "shadow": None,
    "interleave": {"min_queries": 50},
}


@pytest.fixture
def predictions(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "predictions")
    yield journal
    journal.close()


@pytest.fixture
def feedback(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "feedback")
    yield journal
    journal.close()


def follow(tmp_path: Path, *after_seqs: int) -> Evidence:
    states: list[releases.ReleaseState] = ["canary", "promoted"]
    given = [
        Recorded("", state, 0, 0.0, 0.0, after, "test", "", [])
        for state, after in zip(states, after_seqs or (0,), strict=False)
    ]
    return Evidence(tmp_path, RELEASE, given, True)


def query(name: str, teams: str = "nono", **fields: Any) -> list[dict[str, Any]]:
    """An interleaved ranking: whose each place is, n for new and o for old."""
    of = {"n": ("v2", "challenger", 8.0, 0.6), "o": ("v1", "champion", 5.0, 0.4)}
    made = []
    for rank, team in enumerate(teams, start=1):
        (version, variant, ms, score), other = of[team], of["o" if team == "n" else "n"]
        made.append(
            {
                "kind": "answer",
                "prediction_id": f"{name}{rank}",
                "model": "m",
                "version": version,
                "variant": variant,
                "release_id": 7,
                "at": name,
                "score": score,
                "latency_ms": ms,
                "fallback": None,
                "query_id": name,
                "rank": rank,
                "other": {"version": other[0], "score": other[3], "latency_ms": other[2]},
                **fields,
            }
        )
    return made


def told(at: Any, *items: str, label: Any = 1) -> list[dict[str, Any]]:
    return [{"model": "m", "prediction_id": each, "label": label, "at": at} for each in items]


def test_a_query_is_one_request_of_both_versions_and_one_pair(
    tmp_path: Path, predictions: Journal
) -> None:
    predictions.append(query("a"))
    predictions.append(query("b", "onon"))
    found = follow(tmp_path)
    found.read()
    now = found.now
    assert (now.old.n, now.new.n, now.pairs.shift.n, now.pairs.n_ranked) == (2, 2, 2, 2)
    assert (now.old.spread.n, now.new.spread.n, len(now.pairs.old)) == (8, 8, 8)
    assert now.pairs.shift.mean == pytest.approx(0.2)
    assert (now.old.scores.mean, now.new.scores.mean) == (pytest.approx(0.4), pytest.approx(0.6))


def test_a_score_of_the_other_version_that_is_none_is_its_failure(
    tmp_path: Path, predictions: Journal
) -> None:
    other = {"version": "v1", "score": None, "latency_ms": 5.0}
    predictions.append(query("a", "n", other=other))
    found = follow(tmp_path)
    found.read()
    assert (found.now.old.n_failed, found.now.new.n_failed, found.now.pairs.shift.n) == (1, 0, 0)


def test_the_team_with_more_clicks_wins_its_query(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    for name in "abcde":
        predictions.append(query(name))
    feedback.append(told(1, "a1", "a3", "a2"))
    feedback.append(told(2, "b2"))
    feedback.append(told(3, "c1", "c2"))
    feedback.append(told(4, "d1", "d2", "d3", label=0))
    found = follow(tmp_path)
    found.read()
    assert found.now.credit == Credit(n_new=1, n_old=1, n_tied=1)


def test_the_first_clicks_of_a_query_are_its_outcome(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    predictions.append(query("a"))
    feedback.append(told(1, "a1", label=0))
    feedback.append(told(2, "a3"))
    feedback.append(told(3, "a2", "a4"))
    found = follow(tmp_path)
    found.read()
    assert found.now.credit == Credit(n_new=1)


def test_the_first_label_of_an_item_counts(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    predictions.append(query("a"))
    feedback.append(told(1, "a1", label=0))
    feedback.append(told(2, "a1"))
    found = follow(tmp_path)
    found.read()
    assert found.now.credit == Credit()


def test_several_queries_may_be_told_together(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    predictions.append(query("a"))
    predictions.append(query("b"))
    feedback.append(told(1, "a1", "b2", "b4"))
    found = follow(tmp_path)
    found.read()
    assert found.now.credit == Credit(n_new=1, n_old=1)


@pytest.mark.parametrize("label", [None, "yes", 0, -1.0])
def test_what_is_above_0_is_a_click_and_nothing_else(
    tmp_path: Path, predictions: Journal, feedback: Journal, label: Any
) -> None:
    predictions.append(query("a"))
    feedback.append(told(1, "a1", "unknown", label=label))
    found = follow(tmp_path)
    found.read()
    assert found.now.credit == Credit()


def test_clicks_are_no_labels_for_loss(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    """What stands on top is clicked more, whatever it is worth."""
    predictions.append(query("a"))
    plain = {"other": None, "version": "v1"}
    predictions.append([{**each, **plain} for each in query("b")])
    feedback.append(told(1, "a1", "b1"))
    found = follow(tmp_path)
    found.read()
    losses = [each.losses.n for each in (found.now.old, found.now.new, found.now.pairs)]
    assert losses == [0, 0, 0]
    assert found.now.credit == Credit(n_new=1)


def test_clicks_count_in_the_phase_that_showed_the_ranking(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    predictions.append(query("a"))
    predictions.append(query("b"))
    feedback.append(told(1, "a1"))
    found = follow(tmp_path, 0, 4)
    found.read()
    assert [each.credit.n for each in found.phases] == [1, 0]


def test_memory_is_bounded_and_whole_queries_are_let_go(
    tmp_path: Path, predictions: Journal, feedback: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clicks, "MOST_ITEMS", 10)
    for name in "abcde":
        predictions.append(query(name))
    feedback.append(told(1, *(f"{name}1" for name in "abcde")))
    found = follow(tmp_path)
    found.read()
    assert found.now.credit == Credit(n_new=2)
    assert found._clicks.n_let_go == 3
    assert not found._clicks._query_of
    assert not found._clicks._queries


def test_read_bit_by_bit_or_at_once_it_is_the_same(
    tmp_path: Path, predictions: Journal, feedback: Journal
) -> None:
    following = follow(tmp_path)
    for place in range(40):
        name = f"q{place}x"
        predictions.append(query(name, "nono" if place % 2 else "onno"))
        if place % 3:
            feedback.append(told(place, f"{name}{place % 4 + 1}", f"{name}{(place + 1) % 4 + 1}"))
        if place % 5 == 0:
            following.read()
    following.read()
    again = follow(tmp_path)
    again.read()
    assert again.phases == following.phases
    assert again.now.credit.n == 26


def measured(credit: Credit, state: str = "canary", **asked: Any) -> Measurement | None:
    wanted = {**DECLARED, "interleave": {**DECLARED["interleave"], **asked}}
    setting = Setting(Declared.model_validate(wanted), state, True)
    found = measure([Phase(0, credit=credit)], setting)
    return next((each for each in found if each.guardrail == "preference"), None)


@pytest.mark.parametrize(
    ("credit", "margin", "outcome"),
    [
        (Credit(), 0.0, "inconclusive"),
        (Credit(200, 100, 20), 0.0, "passed"),
        (Credit(100, 200, 20), 0.0, "failed"),
        (Credit(160, 160, 20), 0.0, "inconclusive"),
        (Credit(600, 600, 20), 0.2, "passed"),
        (Credit(400, 600, 0), 0.3, "inconclusive"),
        (Credit(300, 900, 0), 0.3, "failed"),
        (Credit(49, 0, 0), 0.0, "inconclusive"),
        (Credit(0, 49, 0), 0.0, "failed"),
    ],
)
def test_preference_passes_only_when_it_is_sure(
    credit: Credit, margin: float, outcome: str
) -> None:
    found = measured(credit, margin=margin)
    assert found is not None
    assert (found.outcome, found.n, found.limit) == (outcome, credit.n, margin)
    assert found.is_needed
    assert f"of {credit.n} interleaved queries with a click" in found.says


def test_too_few_queries_say_how_many_are_needed() -> None:
    found = measured(Credit(49, 0, 0))
    assert found is not None
    assert "; 50 are needed" in found.says


def test_only_interleaved_phases_and_what_comes_after_have_a_preference() -> None:
    assert measured(Credit(5, 5, 5), state="shadow") is None
    after = measured(Credit(0, 500, 0), state="promoted")
    assert after is not None
    assert (after.outcome, after.is_needed) == ("failed", False)
    canary = Setting(Declared.model_validate({}), "canary", True)
    assert "preference" not in [each.guardrail for each in measure([Phase(0)], canary)]


def test_preference_has_a_share_of_the_declared_error_like_every_guardrail() -> None:
    setting = Setting(Declared.model_validate(DECLARED), "canary", True)
    assert 1 - setting.confidence == pytest.approx(0.05 / 2 / 8)


def test_while_rankings_are_interleaved_scores_are_compared_item_by_item() -> None:
    assert Setting(Declared.model_validate(DECLARED), "canary", True).is_paired
    assert not Setting(Declared.model_validate({}), "canary", True).is_paired
