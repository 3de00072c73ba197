"""The model card of a version whose forms were measured, and of one without any."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from perennial.declare.optimize import Optimize
from perennial.declare.project import Project
from perennial.errors import IntegrityError
from perennial.judge import judge
from perennial.keep.ledger import bento_folder
from perennial.optimize import Optimized, optimize
from perennial.optimize.optimized import OPTIMIZED, Costs, Form, Times
from perennial.package import package
from perennial.package.card_forms import forms
from perennial.train import train
from perennial.train.candidate import read_candidate, replace_form
from perennial.train.estimates import Value

LEARN, NIGHT = "2024-01-21", "2024-01-31"
HEADING = "## In which form does it answer?"


def card_of(project: Project) -> str:
    packaged = package("ripeness", NIGHT, project=project)
    folder = bento_folder(project, "ripeness", packaged.version)
    return (folder / "src" / "MODEL_CARD.md").read_text(encoding="utf-8")


def carry(project: Project, content: bytes) -> None:
    """Put a report of optimize beside the candidate."""
    trained = read_candidate(project, "ripeness")
    replace_form(project, "ripeness", trained.answering, {**trained.beside, OPTIMIZED: content})


def test_a_report_of_forms_that_cannot_be_read_stops_the_package(
    blessed: Project, quick_build: list[str]
) -> None:
    carry(blessed, b'{"chosen": "compiled"}')
    with pytest.raises(IntegrityError, match=r"optimize\.json .* run optimize again"):
        package("ripeness", NIGHT, project=blessed)
    assert quick_build == []


def test_a_card_says_nothing_of_forms_where_none_were_declared(
    blessed: Project, quick_build: list[str]
) -> None:
    card = card_of(blessed)
    assert HEADING not in card
    assert "perennial optimize" not in card
    assert "The same digest comes out. " in card
    assert "This version, from its recorded code" in card
    assert forms(None) == []


def told(*tried: Form, chosen: str, why: str) -> Optimized:
    return Optimized(
        model="ripeness", at=date(2024, 1, 31), version="f" * 12, digest="f" * 64, chosen=chosen,
        why=why, trained="a" * 64, declared=Optimize(variants=("compiled", "pruned", "onnx")),
        primary="log_loss", measured_from=date(2024, 1, 21), measured_until=date(2024, 1, 31),
        n_rows=1200 if tried else 0, n_days=10 if tried else 0, forms=tried,
    )  # fmt: skip


def test_where_nothing_could_be_measured_the_card_says_why_and_shows_no_table() -> None:
    why = "nothing can be measured: 3 rows have a known label"
    lines = forms(told(chosen="original", why=why))
    assert lines == [HEADING, "", f"As `original`: {why}.", ""]


def costs(size: int, one: float, batch: float) -> Costs:
    return Costs(
        size_bytes=size, memory_mb=31.5, one_row_ms=Times(p50=one, p99=2 * one),
        batch_ms=Times(p50=batch, p99=2 * batch), rows_per_second=256_000 / batch,
        model_ms=Times(p50=one, p99=one),
    )  # fmt: skip


def test_every_form_is_shown_with_its_costs_its_difference_and_its_reason() -> None:
    nothing = Value(estimate=0.0, low=0.0, high=0.0)
    worse = Value(estimate=0.0033, low=0.0012, high=0.0052)
    unbounded = Value(estimate=0.01, low=None, high=None)
    card = forms(
        told(
            Form(name="original", outcome="original", why="as it was trained", saved=0.0,
                 largest_difference=0.0, differences={"log_loss": nothing},
                 costs=costs(1_463_000, 0.25, 8.0)),
            Form(name="compiled", outcome="qualifies", why="it saves 40.0%", saved=0.4,
                 largest_difference=1e-9, differences={"log_loss": nothing},
                 costs=costs(2_934_000, 0.15, 4.0)),
            Form(name="pruned", outcome="refused", why="it may lose 0.0052 | too much", saved=0.2,
                 largest_difference=0.31, differences={"log_loss": worse},
                 costs=costs(700_000, 0.2, 5.0)),
            Form(name="distilled", outcome="refused", why="cannot be bounded",
                 differences={"log_loss": unbounded}),
            Form(name="onnx", outcome="refused", why="onnxruntime cannot be loaded"),
            chosen="compiled", why="compiled: it saves 40.0%",
        )
    )  # fmt: skip
    assert card[2] == "As `compiled`: it saves 40.0%."
    assert "of the median time for one row (`optimize.saving: latency`)" in card[4]
    assert "no more than 0.001 of log_loss" in card[4]
    assert "1,200 rows of 10 days, 2024-01-21 <= day < 2024-01-31" in card[6]
    for line in (
        "| original | original | 0.0% | 0 | 0 to 0 | 0 | as it was trained |",
        "| **compiled** | qualifies | 40.0% | 0 | 0 to 0 | 1e-09 | it saves 40.0% |",
        "| pruned | refused | 20.0% | 0.0033 | 0.0012 to 0.0052 | 0.31 "
        "| it may lose 0.0052 &#124; too much |",
        "| distilled | refused | – | 0.01 | not bounded | – | cannot be bounded |",
        "| onnx | refused | – | – | – | – | onnxruntime cannot be loaded |",
        "| original | 1,463 | 31.5 | 0.25 | 0.5 | 8 | 16 | 32,000 |",
        "| **compiled** | 2,934 | 31.5 | 0.15 | 0.3 | 4 | 8 | 64,000 |",
        "| onnx | – | – | – | – | – | – | – |",
    ):
        assert line in card


@pytest.mark.slow
def test_a_version_that_was_really_optimized_ships_with_the_table(
    make_project: Callable[..., Project], service: Any, quick_build: list[str], judgement: Any
) -> None:
    project = make_project(optimize={"variants": ["compiled"], "min_saving": 0.0})
    train("ripeness", LEARN, project=project)
    report = optimize("ripeness", NIGHT, project=project)
    judgement(project, judge("ripeness", NIGHT, project=project))
    service(project)
    card = card_of(project)
    for form in report.forms:
        name = f"**{form.name}**" if form.name == report.chosen else form.name
        assert f"| {name} | {form.outcome} |" in card
        assert f"| {name} | {form.costs.size_bytes / 1000:,.0f} |" in card  # type: ignore[union-attr]
    assert f"As `{report.chosen}`: " in card
    steps = [line.split()[1] for line in card.splitlines() if line.startswith("perennial ")]
    assert steps == ["reproduce", "train", "optimize", "judge"]
    assert "if the same form is chosen" in card
    made = "This version" if report.chosen == "original" else "What this form was made of"
    assert f"{made}, from its recorded code" in card
