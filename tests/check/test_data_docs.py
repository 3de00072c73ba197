"""Data Docs: complete, and without anything that is fetched from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from perennial.check import check
from perennial.declare.project import Project
from perennial.errors import GateStoppedError

from .conftest import DAYS, PERIOD, expectation, orders, put

LOADS = re.compile(r"""<script|<link|<img|<iframe|@import|\bsrc\s*=|url\(\s*['"]?http""")


def test_pages_open_without_a_network_and_tell_everything(gated: Callable[..., Project]) -> None:
    cheap = expectation("expect_column_values_to_be_between", column="price", max_value=100)
    known = expectation("expect_column_values_to_be_in_set", column="shop", value_set=["north"])
    quantile = expectation(
        "expect_column_quantile_values_to_be_between", column="price",
        quantile_ranges={"quantiles": [0.5], "value_ranges": [[0, 10]]},
    )  # fmt: skip
    project = gated(raw_orders={"expectations": [cheap, known, quantile]})
    put(project.lake / "raw/orders", DAYS[1], orders(DAYS[1], 500.0, shop="<script>x</script>"))
    with pytest.raises(GateStoppedError):
        check("raw", *PERIOD, project=project)
    folder = project.var / "reports/data_docs"
    index, page = (folder / "index.html").read_text(), (folder / "raw/orders.html").read_text()
    assert not LOADS.search(index)
    assert not LOADS.search(page.replace("<script>x</script>", ""))  # blocked by the policy
    assert "default-src 'none'" in page
    for link in re.findall(r'href="([^"#]+)"', index):
        assert (folder / link).is_file()
    for link in re.findall(r'href="([^"#]+)"', page):
        assert (folder / "raw" / link).is_file()
    assert "stopped" in index
    assert "published unchecked" in index
    for part in ("price 500", "because of expect_column_values_to_be_between", "expectations.0"):
        assert part in page


def test_the_index_shows_the_last_check_of_both_layers(gated: Callable[..., Project]) -> None:
    project = gated()
    check("raw", *PERIOD, project=project)
    check("marts", *PERIOD, project=project)
    index = (project.var / "reports/data_docs/index.html").read_text()
    assert all(
        f'href="{page}.html"' in index for page in ("raw/orders", "raw/shops", "marts/sales")
    )
