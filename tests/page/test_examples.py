"""The examples in the page's docstrings hold."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

NAMES = ("cards", "drawn.heat_map")


@pytest.mark.parametrize("name", NAMES)
def test_examples_hold(name: str) -> None:
    found = doctest.testmod(import_module(f"perennial_airflow.page.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
