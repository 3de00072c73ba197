"""What was found, as a page and as YAML that is pasted or written."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.declare.family_parameters import chosen
from perennial.errors import ContractBrokenError
from perennial.train.estimates import Value
from perennial.train.tuning.page import page, publish
from perennial.train.tuning.tuned import Beside, Confirmed, FoldTold, TrialTold, Tuned
from perennial.train.tuning.writing import snippet, write_into_declaration

ROOT = Path(__file__).parents[2]
NONE = Value(estimate=0.0, low=-0.01, high=0.01)
BESIDE: dict[str, Any] = {"declared": NONE, "best": NONE, "difference": NONE}


def report(**fields: Any) -> Tuned:
    found = {"learning_rate": 1e-05, "extra_trees": True, "data_sample_strategy": "goss"}
    declared = {"learning_rate": 0.2, "extra_trees": False, "data_sample_strategy": "bagging"}
    day = date(2024, 1, 31)
    known: dict[str, Any] = {
        "model": "ripeness", "at": day, "learner": "lightgbm", "study": "0" * 12,
        "metric": "roc_auc", "direction": "higher", "ended": "trials", "n_trials": 3,
        "n_pruned": 1, "best": 1, "verdict": "better", "says": "the best <b>trial</b> is better",
        "search": {"learning_rate": "0.00001 to 1 (log)", "extra_trees": "True, False",
                   "data_sample_strategy": "bagging, goss"},
        "found": found, "parameters": {"num_leaves": 7, **found},
        "on_folds": Beside(**BESIDE),
        "confirmed": Confirmed(**BESIDE, start=day, end=day, n_rows=3),
        "folds": (FoldTold(start=day, end=day, n_learned=9, n_judged=3, declared=0.5, best=0.6),),
        "trials": (
            TrialTold(number=0, state="complete", value=0.5, folds=(0.5,), parameters=declared),
            TrialTold(number=1, state="complete", value=0.6, folds=(0.6,), parameters=found),
            TrialTold(number=2, state="pruned", value=None, folds=(None,), parameters=found,
                      why="below the median"),
        ),
    }  # fmt: skip
    return Tuned(**{**known, **fields})


def test_the_page_shows_every_trial_and_takes_no_markup_from_data(make_project: Any) -> None:
    written = publish(report(), make_project())
    assert written.read_text() == page(report())
    text = page(report())
    assert text.count('class="point') == 2 * (1 + 3)  # in the order, and along each parameter
    assert text.count('class="pruned"') == 1
    assert "<b>" not in text
    assert "below the median" in text
    assert "learning_rate: 1.0e-05" in text


def test_the_page_of_the_declared_parameters_alone_is_whole() -> None:
    told = report(best=0, verdict="declared", says="none was better", on_folds=None,
                  confirmed=None, n_trials=1, n_pruned=0, trials=report().trials[:1])  # fmt: skip
    assert "Best beside declared" not in page(told)


def test_the_snippet_goes_beside_the_parameters_of_another_family() -> None:
    pasted = yaml.safe_load(snippet(report()))
    assert pasted == {"train": {"parameters": {"lightgbm": report().parameters}}}
    pasted["train"]["parameters"] = {"torch": {"width": 32}, **pasted["train"]["parameters"]}
    chosen_by = {"task": "binary", "train": {**pasted["train"], "learner": "torch"}}
    assert chosen(chosen_by)["train"]["parameters"] == {"width": 32}


CASES = {
    "block": "train:\n  # why\n  parameters:  # these\n    num_leaves: 7  # few\n"
    "    learning_rate: 0.2 # fast\n  seed: 1\n\n# end\n",
    "flow": "train: {parameters: {num_leaves: 7, learning_rate: 0.2}, seed: 1}  # end\n",
    "no newline at the end": "train:\n  seed: 1\n  parameters:\n    num_leaves: 7",
    "wide": "train:\n      seed: 1\n      parameters:\n            num_leaves: 7\n",
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_writing_changes_the_values_and_nothing_else(make_project: Any, text: str) -> None:
    project = make_project()
    path = project.root / "models" / "ripeness.yaml"
    text = "description: 'a: b'   # told\n" + text
    path.write_text(text)
    told = write_into_declaration(report(), project)
    assert told.written == "models/ripeness.yaml"
    after = path.read_text()
    wanted = {**yaml.safe_load(text), "train": {"seed": 1, "parameters": report().parameters}}
    wanted["train"] = {**yaml.safe_load(text)["train"], "parameters": report().parameters}
    assert yaml.safe_load(after) == wanted
    assert [line.partition("#")[2] for line in text.splitlines() if "#" in line] == [
        line.partition("#")[2] for line in after.splitlines() if "#" in line
    ]
    assert write_into_declaration(report(), project).written
    assert path.read_text() == after


@pytest.mark.parametrize("parameters", ["", " {}", " {}  # none"])
def test_writing_begins_parameters_where_there_are_none(make_project: Any, parameters: str) -> None:
    project = make_project()
    path = project.root / "models" / "ripeness.yaml"
    path.write_text(f"train:\n  parameters:{parameters}\n  seed: 1\n")
    found = report().found
    write_into_declaration(report(parameters=found), project)
    assert yaml.safe_load(path.read_text()) == {"train": {"parameters": found, "seed": 1}}


@pytest.mark.parametrize(
    "text",
    ["owner: me\n", "a: &p {num_leaves: 7}\ntrain:\n  parameters: *p\n"],
    ids=["no train", "shared with another place"],
)
def test_what_cannot_be_changed_alone_is_left_alone(make_project: Any, text: str) -> None:
    project = make_project()
    path = project.root / "models" / "ripeness.yaml"
    path.write_text(text)
    with pytest.raises(ContractBrokenError, match="paste the printed parameters instead"):
        write_into_declaration(report(), project)
    assert path.read_text() == text


@pytest.mark.parametrize("verdict", ["declared", "worse"])
def test_what_is_no_better_is_not_written(make_project: Any, verdict: Any) -> None:
    project = make_project()
    path = project.root / "models" / "ripeness.yaml"
    before = path.read_text()
    assert write_into_declaration(report(verdict=verdict), project).written is None
    assert path.read_text() == before


def test_parameters_by_family_change_below_their_family(make_project: Any) -> None:
    project = make_project()
    path = project.root / "models" / "ripeness.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    before = {"torch": {"width": 32}, "lightgbm": {"num_leaves": 7}}
    document["train"]["parameters"] = before
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    found = {"num_leaves": 15, "learning_rate": 0.05}
    write_into_declaration(report(found=found, parameters=found), project)
    after = yaml.safe_load(path.read_text(encoding="utf-8"))["train"]["parameters"]
    assert after == {"torch": {"width": 32}, "lightgbm": found}
    del document["train"]["parameters"]["lightgbm"]
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    write_into_declaration(report(found=found, parameters=found), project)
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["train"]["parameters"] == after


def test_the_shipped_declaration_changes_in_its_values_alone(make_project: Any) -> None:
    project = make_project()
    shipped = next((ROOT / "models").glob("*.yaml"))
    text = shipped.read_text()
    (project.root / "models" / shipped.name).write_text(text)
    declared = yaml.safe_load(text)["train"]["parameters"]["lightgbm"]
    name, value = next((n, v) for n, v in declared.items() if isinstance(v, float))
    told = report(
        model=shipped.stem, found={name: value / 2}, parameters={**declared, name: value / 2}
    )
    write_into_declaration(told, project)
    after = (project.root / "models" / shipped.name).read_text()
    assert after == text.replace(f"{name}: {value}", f"{name}: {value / 2}", 1)
