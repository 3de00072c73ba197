"""A whole project's declarations, each by itself and against each other."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from perennial.declare.validate import mistakes


def test_a_valid_project_has_no_mistakes(orchard: Any) -> None:
    assert mistakes(orchard.project) == []


def spoil_everything(orchard: Any) -> None:
    """One mistake in each kind of declaration."""
    orchard.sources(orchard.table("config.meta.land.key", ["idd"]))
    orchard.spoil_model("rows.mart", "ripenes")
    orchard.spoil_model("owner", "", name="rotten")
    orchard.spoil_gate("expectations.0.severity", "halt")
    orchard.gate("marts/ripe", {"expectations": []})
    orchard.gate("marts/ripeness", {"expectations": [orchard.expectation(type="expect_it")]})


def test_every_mistake_of_every_file_is_told_at_once(orchard: Any) -> None:
    spoil_everything(orchard)
    found = "\n".join(mistakes(orchard.project))
    for start in (
        "data/__sources.yml: sources.raw.fruit: 'idd' is not among its columns",
        "models/ripe.yaml: rows.mart 'ripenes' is not a mart, did you mean \"ripeness\"?",
        "models/rotten.yaml: owner must be a text that is not empty",
        "data/expectations/raw/fruit.yaml: expectations.0.severity must be one of",
        "data/expectations/marts/ripe.yaml: marts has no table 'ripe', did you mean \"ripeness\"?",
        "data/expectations/marts/ripeness.yaml: expectations.0.type 'expect_it' is not",
    ):
        assert start in found
    assert len(found.splitlines()) == 6


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"type": "expect_column_values_to_not_be_nul"},
         "expectations.0.type 'expect_column_values_to_not_be_nul' is not an expectation of Great "
         'Expectations, did you mean "expect_column_values_to_not_be_null"?'),
        ({"kwargs": {"column": "gram"}}, "expectations.0.kwargs.column 'gram' is not a column, did "
         'you mean "grams"? (accepted: id, picked_at, grams, day)'),
        ({"kwargs": {"column_list": ["id", "weight"]}},
         "expectations.0.kwargs.column_list 'weight' is not a column "
         "(accepted: id, picked_at, grams, day)"),
    ],
)  # fmt: skip
def test_an_expectation_is_held_against_its_table(
    orchard: Any, fields: dict[str, Any], sentence: str
) -> None:
    orchard.gate("raw/fruit", {"expectations": [orchard.expectation(**fields)]})
    assert mistakes(orchard.project) == [f"data/expectations/raw/fruit.yaml: {sentence}"]


def test_a_daily_expectation_cannot_quarantine_and_has_its_own_columns(orchard: Any) -> None:
    good = orchard.expectation(kwargs={"column": "missing_share_grams"})
    bad = orchard.expectation(kwargs={"column": "grams"}, severity="quarantine")
    orchard.gate("raw/fruit", {"daily": [good, bad]})
    found = mistakes(orchard.project)
    assert len(found) == 2
    assert "daily.1.severity must be one of stop, warn" in found[0]
    assert "daily.1.kwargs.column 'grams' is not a column" in found[1]


def test_feature_services_are_read_without_running_the_file(orchard: Any) -> None:
    orchard.write(
        "feature_repo/deep/services.py",
        'import nothing_like_this\nfeast.FeatureService("positional", [])\nraise SystemExit\n',
    )
    orchard.spoil_model("features", "positional")
    assert mistakes(orchard.project) == []
    orchard.spoil_model("features", "ripenes")
    (mistake,) = mistakes(orchard.project)
    assert "'ripenes' is not a feature service, did you mean \"ripeness\"?" in mistake
    assert "(feature_repo has: positional, ripeness)" in mistake


def test_python_that_does_not_parse_is_told_with_its_line(orchard: Any) -> None:
    orchard.write("feature_repo/services.py", "x = 1\ny = (\n")
    orchard.spoil_model("rows.mart", "ripenes")
    found = mistakes(orchard.project)
    assert found[0].startswith("feature_repo/services.py: line 2: not valid Python")
    assert "rows.mart" in found[1]  # and the rest is told all the same


@pytest.mark.parametrize("text", ["models: [", "models: {a: 1}", "models: [{columns: [{}]}]", ""])
def test_a_marts_yaml_of_any_shape_is_survived(orchard: Any, text: str) -> None:
    orchard.write("data/marts/ripeness.yml", text)
    found = mistakes(orchard.project)
    assert all(each.startswith("data/marts/ripeness.yml: ") for each in found)
    assert len(found) == (1 if text == "models: [" else 0)


def test_what_a_model_names_must_be_columns_of_its_mart(orchard: Any) -> None:
    orchard.write(
        "data/marts/ripeness.yml",
        "models: [{name: ripeness, columns: [{name: id}, {name: is_ripen}, {name: picked}, "
        "{name: event_timestamp}]}]",
    )
    assert [each.split(" (it has")[0] for each in mistakes(orchard.project)] == [
        "models/ripe.yaml: label.column 'is_ripe' is not a column of the mart 'ripeness', "
        'did you mean "is_ripen"?',
        "models/ripe.yaml: label.known_at 'known_at' is not a column of the mart 'ripeness'",
    ]


def test_nothing_heavy_is_imported(orchard: Any) -> None:
    code = (
        "import sys; from pathlib import Path; from perennial.declare.project import Project; "
        "from perennial.declare.validate import mistakes; "
        "print(mistakes(Project(Path(sys.argv[1])))); "
        "heavy = {'great_expectations', 'feast', 'pandas', 'lightgbm', 'mlflow', 'dbt', 'duckdb'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(orchard.root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "[]"]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("pomegranate", "'pomegranate' is not another declared model (models/ has: ripened)"),
        ("ripend", "'ripend' is not another declared model, did you mean \"ripened\"?"),
        ("ripe", "'ripe' is not another declared model"),
        ("ripened", ""),
    ],
)
def test_a_transfer_starts_from_another_declared_model(orchard: Any, model: str, told: str) -> None:
    orchard.spoil_model("owner", "growers", name="ripened")
    train = {"learner": "torch", "strategy": "transfer", "transfer": {"model": model}}
    orchard.spoil_model("train", train)
    found = mistakes(orchard.project)
    assert len(found) == bool(told)
    if told:
        assert found[0].startswith(f"models/ripe.yaml: train.transfer.model {told}")
