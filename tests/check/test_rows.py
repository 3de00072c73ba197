"""Reading a period: what is held, what is loaded, and where each row came from."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from perennial.check.columns import mentioned
from perennial.check.rows import hold, read
from perennial.declare.gates import Gate
from perennial.declare.project import Project
from perennial.keep.partitions import partition

from .conftest import DAYS, cheaper, expectation, orders, put

NAMES = ["id", "price", "shop", "at"]
ALL = Gate(expectations=(expectation("expect_table_column_count_to_equal", value=4),))  # type: ignore[arg-type]


def gate(**kwargs: object) -> Gate:
    return Gate.model_validate({"expectations": [expectation("expect_x", **kwargs)]})


@pytest.mark.parametrize(
    ("declared", "loaded"),
    [
        (gate(column="price"), ["price"]),
        (gate(column_A="at", column_B="id"), ["id", "at"]),
        (gate(column_list=["shop", "id"]), ["id", "shop"]),
        (gate(column="id", row_condition='col("price") > 3'), ["id", "price"]),
        (gate(column="id", row_condition={"column": {"name": "at"}}), ["id", "at"]),
        (
            Gate.model_validate({"daily": [expectation("expect_x", column="missing_share_shop")]}),
            ["shop"],
        ),
        (gate(value=3), ["id"]),
        (ALL, NAMES),
        (None, ["id"]),
    ],
)
def test_only_mentioned_columns_are_loaded(declared: Gate | None, loaded: list[str]) -> None:
    assert mentioned(declared, NAMES) == loaded


def test_each_row_is_found_again_by_its_position(project: Project, tmp_path: Path) -> None:
    held = hold(project.lake / "raw/orders", DAYS, _folder(tmp_path))
    rows = read(held, gate(column="id"))
    assert rows.n_rows == 30
    for position in (0, 9, 10, 29):
        assert rows.at(position)["id"] == rows.frame["id"][position]
    assert rows.at(29)["day"] == DAYS[2]


def test_the_day_is_a_column_unless_the_table_has_its_own(tmp_path: Path) -> None:
    put(tmp_path / "a", DAYS[0], orders(DAYS[0]))
    put(tmp_path / "b", DAYS[0], orders(DAYS[0]).rename_columns(["day", "price", "shop", "at"]))
    frames = [
        read(hold(tmp_path / name, DAYS, _folder(tmp_path / name)), gate(column="day")).frame
        for name in ("a", "b")
    ]
    assert set(frames[0]["day"]) == {DAYS[0]}
    assert list(frames[1]["day"]) == list(range(1000, 1010))


def test_what_was_held_stays_when_its_writer_replaces_the_day(
    project: Project, tmp_path: Path
) -> None:
    table = project.lake / "raw/orders"
    held = hold(table, DAYS, _folder(tmp_path))
    put(table, DAYS[1], cheaper(orders(DAYS[1]), 0, 999.0))
    assert read(held, gate(column="price")).frame["price"].max() == 5.0


def _folder(path: Path) -> Path:
    folder = path / "held"
    folder.mkdir(parents=True)
    return folder


def test_without_hard_links_a_held_day_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    table = tmp_path / "orders"
    source = partition(table, DAYS[0])
    source.parent.mkdir(parents=True)
    source.write_bytes(b"a day's bytes")
    monkeypatch.setattr(os, "link", refused)
    held = hold(table, DAYS[:2], tmp_path)
    assert list(held) == DAYS[:1], "a day that is not there is not held"
    assert held[DAYS[0]].read_bytes() == source.read_bytes()
    assert not held[DAYS[0]].samefile(source)
