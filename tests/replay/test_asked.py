"""Policies as they are asked for: read strictly, and made into declarations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import yaml

from perennial.declare.decide import Decide
from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.replay.policies.asked import Asked, Drawn, decide_of, read_policies
from perennial.replay.policies.otherwise import otherwise

NIGHTS = [date(2024, 2, 1) + timedelta(days=n) for n in range(30)]


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(n_days=0)


@pytest.fixture
def model(project: Project) -> Model:
    return project.model("ripeness")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no policy ''"),
        ("nevr", "there is no policy 'nevr', did you mean \"never\""),
        ("never:3", "never takes nothing after a colon"),
        ("drift:7", "drift takes nothing after a colon"),
        ("calendar", "calendar needs a number or a policy after a colon"),
        ("calendar:", "calendar needs a number or a policy after a colon"),
        ("calendar:0", "calendar needs a whole number from 1, got 0"),
        ("random:-2", "random needs a whole number from 1, got -2"),
        ("never,never", "'never' is asked for twice"),
        ("random:drift", "takes its number of trainings from 'drift', which must be among"),
        ("drift,random:drift,calendar:random:drift", "must be among the policies"),
        ("calendar:7/ful", "there is no strategy 'ful', did you mean \"full\""),
        ("calendar:7/", "there is no strategy ''"),
        ("calendar:7/full:9", "only window takes a number of days"),
        ("calendar:7/window:0", "window needs a whole number of days from 1, got '0'"),
        ("calendar:7/window:", "window needs a whole number of days from 1, got ''"),
        ("calendar:7/ewc", "the learner lightgbm has no strategy ewc"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_words(model: Model, text: str, told: str) -> None:
    with pytest.raises(ValueError, match="policies: ") as raised:
        read_policies(text, model)
    assert told in str(raised.value)


def test_all_mistakes_are_told_at_once(model: Model) -> None:
    with pytest.raises(ValueError, match=r"nevr.*calendar:x/nothing"):
        read_policies("nevr,drift,calendar:x/nothing", model)


def test_every_form_is_understood(model: Model) -> None:
    text = "shipped, never, calendar:7/window:60, drift, random:drift/extend, random:5"
    found = read_policies(text, model)
    assert found == [
        Asked("shipped", "shipped"),
        Asked("never", "never"),
        Asked("calendar:7/window:60", "calendar", 7, None, "window", "60"),
        Asked("drift", "drift"),
        Asked("random:drift/extend", "random", None, "drift", "extend"),
        Asked("random:5", "random", 5),
    ]


def test_a_policy_s_name_with_a_strategy_cannot_be_taken_for_one_without(model: Model) -> None:
    with pytest.raises(ValueError, match="takes its number of trainings from 'drift'"):
        read_policies("drift/extend,random:drift", model)


def declared(kind: str, number: int | None = None, trainings: int = 1, seed: int = 0) -> Decide:
    shipped = Decide.model_validate(
        {"cool_down_nights": 9, "approve": ["retrain"], "on_drift": "update"}
    )
    return decide_of(Asked(kind, kind, number), shipped, NIGHTS, Drawn(trainings, seed))


def test_shipped_is_what_is_declared_but_for_approval() -> None:
    found = declared("shipped")
    assert (found.policy, found.cool_down_nights, found.on_drift) == ("watched", 9, "update")
    assert found.approve == ()


def test_a_calendar_trains_when_it_says_so() -> None:
    found = declared("calendar", 2)
    assert (found.policy, found.every_nights, found.cool_down_nights) == ("calendar", 2, 0)
    assert found.budget.trainings == len(NIGHTS)


def test_a_calendar_like_another_policy_trains_about_as_often() -> None:
    assert declared("calendar", None, trainings=10).every_nights == 3


def test_triggers_keep_the_declared_cool_down() -> None:
    assert (declared("drift").policy, declared("drift").cool_down_nights) == ("drift", 9)


@pytest.mark.parametrize("kind", ["watched", "drift", "performance"])
def test_triggers_train_by_their_findings_alone(kind: str) -> None:
    assert declared("shipped").at_least_every_nights == 30
    assert declared(kind).at_least_every_nights is None


def test_random_nights_are_as_many_as_asked_with_the_first_one_and_by_seed() -> None:
    draws = [declared("random", None, 6, seed).nights for seed in (1, 1, 2)]
    assert [len(set(each)) for each in draws] == [5, 5, 5]
    assert draws[0] == draws[1] != draws[2]
    assert all(NIGHTS[0] < each <= NIGHTS[-1] for each in draws[0])
    assert list(draws[0]) == sorted(draws[0])


def test_random_nights_fall_on_all_nights_alike() -> None:
    times = dict.fromkeys(NIGHTS[1:], 0)
    for seed in range(600):
        for night in Drawn(6, seed).nights(NIGHTS):
            times[night] += 1
    expected = 600 * 5 / 29
    assert sum((n - expected) ** 2 / expected for n in times.values()) < 51  # chi2(28), p = 0.005


def test_one_random_training_is_the_first_and_no_other() -> None:
    assert (declared("random", 1).policy, declared("random", 1).nights) == ("never", ())


def test_more_random_nights_than_there_are_is_all_of_them() -> None:
    assert len(declared("random", None, 99).nights) == len(NIGHTS) - 1


def test_listed_needs_nights_and_no_other_policy_takes_them() -> None:
    for given in ({"policy": "listed"}, {"policy": "never", "nights": ["2024-01-01"]}):
        with pytest.raises(ValueError, match="nights are what the policy listed trains on"):
            Decide.model_validate(given)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ("train.seed", ValueError, "must be path.to.field=value"),
        ("=3", ValueError, "must be path.to.field=value"),
        ("train.seed.x=3", ValueError, "seed has no fields of its own"),
        ("train.sed=3", DeclarationError, "train.sed is not a known field"),
        ("train.seed=-3", DeclarationError, "train.seed"),
    ],
)
def test_a_change_that_could_not_be_declared_is_refused(
    project: Project, change: str, error: Any, told: str
) -> None:
    with pytest.raises(error, match=told):
        otherwise(project, "ripeness", ["train.seed=1", change])


def test_changes_lie_over_the_declaration_and_leave_the_rest(project: Project) -> None:
    found = otherwise(project, "ripeness", ["train.parameters.learning_rate=0.5", "judge.days=9"])
    assert found.train.parameters["learning_rate"] == 0.5
    assert found.train.parameters["num_leaves"] == 7
    assert found.judge.days == 9
    assert project.model("ripeness").judge.days == 10
    assert otherwise(project, "ripeness", []) == project.model("ripeness")


@pytest.mark.parametrize("path", ["train.parameters", "train.parameters.lightgbm"])
def test_a_parameter_is_changed_by_the_name_that_the_file_gives_it(
    project: Project, path: str
) -> None:
    file = project.root / "models" / "ripeness.yaml"
    content = yaml.safe_load(file.read_text())
    content["train"]["parameters"] = {"lightgbm": {"num_leaves": 7}, "torch": {"width": 8}}
    file.write_text(yaml.safe_dump(content))
    found = otherwise(project, "ripeness", [f"{path}.learning_rate=0.5"])
    assert found.train.parameters == {"num_leaves": 7, "learning_rate": 0.5}
    torch = otherwise(project, "ripeness", ["train.learner=torch", "train.parameters.dropout=0.5"])
    assert torch.train.parameters == {"width": 8, "dropout": 0.5}
