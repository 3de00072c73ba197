"""Which columns a model sees, and what is needed to look them up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.features.inputs import inputs_of
from perennial.features.repository import open_store, register

from .market import DECLARED, SERVICES, TTL, declare, model


@pytest.fixture(scope="module")
def store(prepared: Project) -> Any:
    return open_store(prepared)


def test_columns_are_the_given_fields_then_the_service_s_features_in_its_order(store: Any) -> None:
    assert inputs_of(store, model()).columns == {
        "stall": "category",
        "n_crates": "number",
        "prices__price": "number",
        "prices__is_ripe": "number",
        "rush__closing_hour": "number",
        "rush__pairs": "number",
        "crowd__mood": "category",
    }
    assert inputs_of(store, model()).names == list(inputs_of(store, model()).columns)


def test_what_an_on_demand_view_needs_is_looked_up_too_and_nothing_twice(store: Any) -> None:
    inputs = inputs_of(store, model())
    assert sorted(inputs.looked_up) == [
        "crowd:mood", "crowd:n_people", "prices:is_ripe", "prices:price"
    ]  # fmt: skip
    assert inputs.join_keys == {"prices": ("stall", "fruit_number"), "crowd": ("stall",)}
    assert inputs.blanks == {"stall": "", "fruit_number": 0}
    assert inputs.ttls == {"crowd": TTL}
    assert [view.name for view in inputs.on_demand] == ["rush"]


def without(*names: str) -> Any:
    fields = [each for each in DECLARED["request"]["fields"] if each["name"] not in names]
    return model(request={"asked": {"field": "asked_at"}, "fields": [*fields, ASKED_AT]})


ASKED_AT = {"name": "asked_at", "type": "timestamp", "description": "When.", "example": "x"}


def test_every_field_that_the_features_need_is_asked_for(store: Any) -> None:
    with pytest.raises(DeclarationError) as told:
        inputs_of(store, without("stall", "closes_at"))
    assert sorted(told.value.mistakes) == [
        "models/sells_out.yaml: request.fields lacks closes_at (request data of rush)",
        "models/sells_out.yaml: request.fields lacks stall (a join key of its features)",
    ]


def test_an_unknown_service_is_told_with_the_nearest(store: Any) -> None:
    told = r"'sell_out' is not a feature service, did you mean \"sells_out\"\? \(registered: sells_"
    with pytest.raises(DeclarationError, match=told):
        inputs_of(store, model(features="sell_out"))


def test_what_is_neither_number_nor_text_is_no_input(tmp_path: Path) -> None:
    view = """
from feast import FeatureService, FeatureView, Field
from feast.types import Array, Float64, UnixTimestamp
from entities import stall
from views import crowd, mart

odd = FeatureView(
    name="odd", entities=[stall], source=mart("odd"),
    schema=[Field(name="at", dtype=UnixTimestamp), Field(name="many", dtype=Array(Float64))],
)
service = FeatureService(name="sells_out", features=[odd, crowd.with_name("people")])
"""
    project = declare(tmp_path / "market", services=view)
    register(project)
    with pytest.raises(DeclarationError) as told:
        inputs_of(open_store(project), model())
    at, many, name = told.value.mistakes
    assert "odd__at is of type UnixTimestamp, which is no input" in at
    assert "odd__many is of type Array(Float64), which is no input" in many
    assert "crowd is taken under another name" in name


def test_a_service_without_views_leaves_what_is_given(tmp_path: Path) -> None:
    services = SERVICES.replace('[prices, rush, crowd[["mood"]]]', "[]")
    project = declare(tmp_path / "market", services=services)
    register(project)
    inputs = inputs_of(open_store(project), model())
    assert inputs.names == ["stall", "n_crates"]
    assert inputs.looked_up == ()
