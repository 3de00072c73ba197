"""How a report looks to a person: short, and nothing of it wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perennial.keep.report import Report
from perennial.shown import show


class Ripened(Report):
    """A report with a bit of everything."""

    tree: str = "a tree with [brackets] and {braces}"
    digest: str = "0123456789abcdef" * 4
    n_rows: int = 1_234_567
    share: float = 0.123456789
    is_ripe: bool = True
    nothing: str | None = None
    reasons: tuple[str, ...] = ("it is red", "it is soft")
    fruits: tuple[dict[str, Any], ...] = ()
    metrics: dict[str, dict[str, Any]] | None = None


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def shown(capsys: pytest.CaptureFixture[str], report: Report) -> str:
    show(report, as_json=False)
    return capsys.readouterr().out


def test_json_is_the_whole_report(capsys: pytest.CaptureFixture[str]) -> None:
    show(Ripened(), as_json=True)
    assert json.loads(capsys.readouterr().out) == Ripened().model_dump(mode="json")


def test_facts_are_told_shortly(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, Ripened())
    assert "Ripened" in text
    for told in ("1234567", "0.1235", "yes", "0123456789ab", "it is red", "it is soft"):
        assert told in text
    assert "0123456789abcdef" not in text


def test_what_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert "[brackets] and {braces}" in shown(capsys, Ripened())
    text = shown(capsys, Ripened(fruits=({"name": "[red]apple[/red]", "why": ["a [bold] one"]},)))
    assert "[red]apple[/red]" in text
    assert "a [bold] one" in text


def test_records_are_one_line_each_without_columns_that_hold_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fruits = [{"name": f"fruit {n}", "n_bad": 0, "n_good": n, "note": None} for n in range(3)]
    lines = shown(capsys, Ripened(fruits=tuple(fruits))).splitlines()
    assert sum("fruit " in line for line in lines) == 3
    assert not any("n_bad" in line or "note" in line for line in lines)
    assert any("n_good" in line for line in lines)


def test_a_mapping_of_mappings_is_a_table_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"roc_auc": {"estimate": 0.75}, "log_loss": {"estimate": 0.4512345}}
    lines = shown(capsys, Ripened(metrics=metrics)).splitlines()
    assert any("log_loss" in line and "0.4512" in line for line in lines)


def test_records_may_differ_in_their_fields(capsys: pytest.CaptureFixture[str]) -> None:
    fruits: Any = ({"name": "apple", "n": 1}, {"name": "pear", "colour": "green"}, {})
    text = shown(capsys, Ripened(fruits=fruits))
    assert "apple" in text
    assert "green" in text


def test_few_records_that_are_too_wide_become_columns(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"a_rather_long_name_{n}" for n in range(15)]
    fruits: Any = tuple({"name": fruit, **dict.fromkeys(names, 0.5)} for fruit in ("fig", "kiwi"))
    lines = shown(capsys, Ripened(fruits=fruits)).splitlines()
    assert any("name" in line and "fig" in line and "kiwi" in line for line in lines)
    for name in names:
        assert any(name in line and line.count("0.5") == 2 for line in lines)


def test_long_sentences_and_large_mappings_are_kept_out_of_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    why = "it was left in the sun for as long as it took, and for longer"
    fruit: Any = {"name": "fig", "why": why, "by_day": {f"day {n}": n for n in range(9)}, "n": 3}
    text = shown(capsys, Ripened(fruits=(fruit,)))
    assert f"  fig: {why}\n" in text
    assert "9 items" in text
    assert "day 3" not in text
