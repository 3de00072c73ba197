"""Rehearsals change what was delivered, only where and when they are declared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import yaml

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.declare.validate import mistakes
from perennial.errors import DeclarationError
from perennial.land import land

Rehearse = Callable[..., Project]


@pytest.fixture
def rehearse(shop: Any) -> Rehearse:
    """A function that declares a rehearsal with one change; the project in which it is in force."""

    def declare(**change: Any) -> Project:
        folder = shop.root / "data" / "simulations"
        folder.mkdir(exist_ok=True)
        document = {"description": "Dearer.", "changes": [{"source": "orders", **change}]}
        (folder / "dearer.yaml").write_text(yaml.safe_dump(document))
        settings = Settings(project=None, ledger_url=None, mlflow_uri=None, simulations="dearer")
        return Project(shop.root, settings)

    return declare


def amounts(shop: Any, day: str) -> list[float]:
    return [row["amount"] for row in shop.rows(day)]


def test_a_rehearsal_changes_the_rows_it_names_and_is_told(shop: Any, rehearse: Rehearse) -> None:
    shop.deliver("orders.csv", shop.order(1, "2024-05-01"), shop.order(2, "2024-05-01", amount=4.0))
    project = rehearse(where="amount > 2", set={"amount": "amount * 10"})
    report = land("orders", "2024-05-01", "2024-05-02", project=project)
    assert amounts(shop, "2024-05-01") == [1.5, 40.0]
    assert report.of("orders").simulated == ("dearer",)


def test_without_the_setting_nothing_is_simulated(shop: Any, rehearse: Rehearse) -> None:
    shop.deliver("orders.csv", shop.order(1, "2024-05-01"))
    rehearse(set={"amount": "amount * 10"})
    report = land("orders", "2024-05-01", "2024-05-02", project=shop.project)
    assert amounts(shop, "2024-05-01") == [1.5]
    assert report.of("orders").simulated == ()


def test_days_outside_the_declared_ones_stay(shop: Any, rehearse: Rehearse) -> None:
    lines = [shop.order(day, f"2024-05-0{day}") for day in (1, 2, 3)]
    shop.deliver("orders.csv", *lines)
    project = rehearse(
        first_day=date(2024, 5, 2), last_day=date(2024, 5, 2), set={"amount": "amount * 10"}
    )
    land("orders", "2024-05-01", "2024-05-04", project=project)
    found = [amounts(shop, f"2024-05-0{day}") for day in (1, 2, 3)]
    assert found == [[1.5], [15.0], [1.5]]


def test_a_delivery_broken_once_is_repaired_by_the_next_one(shop: Any, rehearse: Rehearse) -> None:
    shop.deliver("orders.csv", shop.order(1, "2024-05-01"), shop.order(2, "2024-05-02"))
    project = rehearse(only_landed_with=date(2024, 5, 1), set={"amount": "amount * 10"})
    land("orders", "2024-05-01", "2024-05-02", project=project)
    assert amounts(shop, "2024-05-01") == [15.0]
    report = land("orders", "2024-05-02", "2024-05-03", project=project).of("orders")
    assert amounts(shop, "2024-05-01") == [1.5]
    assert [each.day for each in report.reopened] == [date(2024, 5, 1)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"set": {"amuont": "1"}}, 'no column of orders, did you mean "amount"'),
        ({"source": "oders", "set": {"amount": "1"}}, 'is not declared, did you mean "orders"'),
    ],
)
def test_unknown_names_are_told_with_the_nearest(
    shop: Any, rehearse: Rehearse, change: dict[str, Any], told: str
) -> None:
    project = rehearse(**change)
    (mistake,) = [each for each in mistakes(project) if "simulations" in each]
    assert mistake.startswith("data/simulations/dearer.yaml: changes.0")
    assert told in mistake


def test_an_expression_that_is_refused_is_told_with_its_file(shop: Any, rehearse: Rehearse) -> None:
    shop.deliver("orders.csv", shop.order(1, "2024-05-01"))
    project = rehearse(set={"amount": "no_such_function(amount)"})
    with pytest.raises(DeclarationError, match=r"data/simulations/dearer.yaml: orders: "):
        land("orders", "2024-05-01", "2024-05-02", project=project)


def test_a_rehearsal_that_is_not_declared_is_told(shop: Any, rehearse: Rehearse) -> None:
    shop.deliver("orders.csv", shop.order(1, "2024-05-01"))
    rehearse(set={"amount": "1"})
    settings = Settings(project=None, ledger_url=None, mlflow_uri=None, simulations="deerer")
    with pytest.raises(DeclarationError, match=r"'deerer' is not declared, did you mean .dearer."):
        land("orders", "2024-05-01", "2024-05-02", project=Project(shop.root, settings))
