"""Every shipped gate can fail: each expectation is fed a seeded batch that breaks it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml

from perennial.check.evaluation import evaluate
from perennial.check.expectations import Prepared, prepare
from perennial.declare.gates import Expectation, Layer
from perennial.declare.project import Project
from perennial.declare.validate import mistakes

from .breaking import BREAKS
from .good_batches import good_batch

ROOT = Path(__file__).parents[2]
PROJECT = Project(ROOT)
TABLES = sorted(PROJECT.gates)


def declared() -> list[tuple[Layer, str, str, int, Expectation]]:
    return [
        (layer, table, group, index, each)
        for (layer, table), gate in sorted(PROJECT.gates.items())
        for group, expectations in (("expectations", gate.expectations), ("daily", gate.daily))
        for index, each in enumerate(expectations)
    ]


CASES = [
    pytest.param(layer, table, group, index, id=f"{layer}-{table}-{group}.{index}-{each.type}")
    for layer, table, group, index, each in declared()
]
# Each prepared expectation is looked up by its place, and each good batch is made once.


@cache
def prepared_of(layer: Layer, table: str, group: str) -> list[Prepared]:
    ready = prepare(PROJECT.gates[layer, table], f"{layer}/{table}")
    return [each for each in ready if each.is_daily == (group == "daily")]


@cache
def types_of(layer: Layer, table: str, group: str) -> dict[str, str]:
    if group == "daily":
        every = prepared_of(layer, table, group)
        return dict.fromkeys((each.declared.kwargs["column"] for each in every), "double")
    if layer == "raw":
        return {each.name: each.data_type for each in PROJECT.sources[table].columns}
    content = yaml.safe_load(PROJECT.marts[table].with_suffix(".yml").read_text())
    names = [each["name"] for each in content["models"][0]["columns"]]
    return {name: kind_of(name) for name in names}


def kind_of(column: str) -> str:
    """The type of a mart's column, as its name says it."""
    if column.startswith("is_") or "_is_" in column:
        return "boolean"
    if column.endswith(("_at", "_timestamp")) or column == "scheduled_departure":
        return "timestamptz"
    texts = ("carrier", "dest", "flight_id", "manufacturer", "model", "origin", "tailnum")
    return "varchar" if column.endswith(texts) else "double"


@cache
def good(layer: Layer, table: str, group: str) -> pd.DataFrame:
    return good_batch(prepared_of(layer, table, group), types_of(layer, table, group))


def test_every_table_has_a_gate_and_every_gate_a_table() -> None:
    layers: tuple[Layer, ...] = ("raw", "marts")
    assert sorted((layer, name) for layer in layers for name in PROJECT.tables(layer)) == TABLES


def test_the_declarations_hold_no_mistake() -> None:
    assert [each for each in mistakes(PROJECT) if "expectations" in each] == []


def test_for_every_kind_of_expectation_a_way_to_break_it_is_known() -> None:
    unknown = {each.type for *_, each in declared()} - set(BREAKS)
    assert not unknown, f"add to tests/data/breaking.py how to break {sorted(unknown)}"


@pytest.mark.parametrize(("layer", "table"), TABLES)
@pytest.mark.parametrize("group", ["expectations", "daily"])
def test_a_good_batch_meets_every_expectation(layer: Layer, table: str, group: str) -> None:
    found = evaluate(prepared_of(layer, table, group), good(layer, table, group))
    assert {
        each.prepared.where: each.error or each.details for each in found if not each.success
    } == {}
    assert all(each.details.get("element_count") != 0 for each in found)


@pytest.mark.parametrize(("layer", "table", "group", "index"), CASES)
def test_a_bad_batch_fails_the_expectation_that_it_breaks(
    layer: Layer, table: str, group: str, index: int
) -> None:
    one = prepared_of(layer, table, group)[index]
    bad = BREAKS[one.declared.type](good(layer, table, group), one.declared.kwargs)
    (found,) = evaluate([one], bad)
    assert not found.success
    assert found.error is None, "it must fail by what it finds, not because it cannot look"
