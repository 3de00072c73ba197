"""What is kept of the measurements between two transitions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from perennial.keep.journal import Journal
from perennial.keep.release_changes import plan
from perennial.release import record_history
from perennial.release.guardrails import Measurement, Outcome
from perennial.release.record_history import GROWTH, History, points

RELEASE = replace(plan("m", "v2", "green", night="2024-02-01", why="blessed"), id=7, state="canary")


def measured(n: int, outcome: Outcome = "inconclusive", name: str = "errors") -> Measurement:
    says = f"{name} after {n}"
    return Measurement(name, outcome, 0.01, -0.1, 0.1, 0.05, n, True, says)


def add(history: History, *found: Measurement, release: Any = RELEASE) -> int:
    return history.add(release, found, "2024-02-01T00:00:00.000+00:00")


def test_the_first_fifty_are_all_kept_and_ten_million_take_some_six_hundred(tmp_path: Path) -> None:
    history = History(tmp_path)
    for n in range(1, 51):
        assert add(history, measured(n)) == 1
    n = 50
    while n < 10_000_000:  # the ticks of a busy release: some see one request more, some hundreds
        n += max(1, n // 400)
        add(history, measured(n))
    kept = [each.n for each in points(tmp_path)]
    assert kept[:50] == list(range(1, 51))
    assert len(kept) < 700
    gaps = [later / before for before, later in pairwise(kept[50:])]
    assert min(gaps) >= GROWTH


def test_every_change_of_the_outcome_is_kept_with_its_words(tmp_path: Path) -> None:
    history = History(tmp_path)
    for n, outcome in (
        (1000, "inconclusive"),
        (1001, "passed"),
        (1002, "passed"),
        (1003, "failed"),
    ):
        add(history, measured(n, outcome))  # type: ignore[arg-type]
    kept = list(points(tmp_path))
    assert [(each.n, each.outcome) for each in kept] == [
        (1000, "inconclusive"), (1001, "passed"), (1003, "failed"),
    ]  # fmt: skip
    assert [each.says for each in kept] == [f"errors after {n}" for n in (1000, 1001, 1003)]


def test_an_outcome_that_flaps_for_days_fills_no_disk(tmp_path: Path) -> None:
    history = History(tmp_path)
    for n in range(100_000, 102_000):
        add(history, measured(n, "passed" if n % 2 else "inconclusive"))
    assert len(list(points(tmp_path))) <= record_history.MOST_TURNS + 2
    assert add(history, measured(102_000, "failed")) == 1


def test_nothing_new_and_nothing_undeclared_is_written(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    undeclared = Measurement("loss", "undeclared", None, None, None, None, 0, False, "not declared")
    unknown = Measurement("loss", "inconclusive", None, None, None, 0.1, 0, False, "no labels")
    assert add(history, undeclared, unknown) == 0
    assert add(history, measured(5)) == 1
    assert add(history, measured(5)) == 0
    assert [each.n for each in points(tmp_path)] == [5]


def test_each_phase_is_kept_from_its_first_observation(tmp_path: Path) -> None:
    history = History(tmp_path)
    add(history, measured(500))
    add(history, measured(3), release=replace(RELEASE, step=1))
    add(history, measured(4), release=replace(RELEASE, state="promoted"))
    found = [(each.phase, each.n) for each in points(tmp_path)]
    assert found == [(("canary", 0), 500), (("canary", 1), 3), (("promoted", 0), 4)]


def test_the_next_controller_goes_on_where_a_killed_one_stopped(tmp_path: Path) -> None:
    add(History(tmp_path), measured(1000), measured(40, name="loss"))
    (segment,) = tmp_path.glob("*.jsonl")
    whole = segment.read_bytes()
    segment.write_bytes(whole + b'{"seq":3,"at":"2024-02-01","guardr')
    history = History(tmp_path)
    assert add(history, measured(1001), measured(40, name="loss")) == 0
    assert add(history, measured(1021)) == 1
    assert [(each.guardrail, each.n) for each in points(tmp_path)] == [
        ("errors", 1000), ("loss", 40), ("errors", 1021),
    ]  # fmt: skip


def test_a_full_disk_holds_up_nothing_and_what_was_lost_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    history = History(tmp_path)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", full)
        assert add(history, measured(1), measured(2, name="loss")) == 0
        assert add(history, measured(3)) == 0
    assert caplog.text.count("not kept") == 1
    assert add(history, measured(4)) == 1
    (kept,) = points(tmp_path)
    assert (kept.n, kept.n_not_kept) == (4, 3)


def test_an_entry_of_another_form_is_left_out(tmp_path: Path) -> None:
    add(History(tmp_path), measured(1))
    writer = Journal(tmp_path)
    writer.append([{"another": "form"}])
    writer.close()
    assert [each.n for each in points(tmp_path)] == [1]
