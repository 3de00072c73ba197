"""Rows of a database, by SQLAlchemy URL; secrets stay where they are."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perennial.errors import ContractBrokenError, DeclarationError, UnavailableError


@pytest.fixture
def database(shop: Any, tmp_path: Path) -> Path:
    """A SQLite file with a table of orders on four days."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE orders (id INTEGER, placed_at TIMESTAMP, amount NUMERIC, "
            "is_paid BOOLEAN, due_on DATE, note TEXT, secret TEXT)"
        )
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, 's')",
            [(n, f"2013-03-0{n} 10:00:00.000000", n + 0.25, n % 2, f"2013-03-0{n}", f"n{n}")
             for n in range(1, 5)],
        )  # fmt: skip
    connection.close()
    return path


def test_a_table_lands(shop: Any, database: Path) -> None:
    shop.declare(place={"sql": f"sqlite:///{database}", "table": "orders"})
    report = shop.land("2013-03-01", "2013-03-05")
    assert (report.n_delivered, report.n_landed) == (4, 4)
    (row,) = shop.rows("2013-03-03")
    assert row["placed_at"] == datetime(2013, 3, 3, 10, tzinfo=UTC)
    assert (row["id"], row["amount"], row["is_paid"], row["note"]) == (3, 3.25, True, "n3")
    assert report.added_columns == ("secret",)
    assert report.files[0].file == "sql orders"


def test_a_table_twice_is_the_same_bytes(shop: Any, database: Path) -> None:
    shop.declare(place={"sql": f"sqlite:///{database}", "table": "orders"})
    shop.land("2013-03-01", "2013-03-05")
    before = shop.everything()
    shop.land("2013-03-01", "2013-03-05")
    assert shop.everything() == before


def test_a_query_may_name_the_period_with_its_lookback(shop: Any, database: Path) -> None:
    query = "SELECT * FROM orders WHERE placed_at >= :start AND placed_at < :end"
    shop.declare(place={"sql": f"sqlite:///{database}", "query": query}, lookback_days=1)
    report = shop.land("2013-03-03", "2013-03-04")
    assert (report.n_delivered, report.n_landed, report.n_outside) == (2, 1, 1)
    assert report.files[0].file == "sql query"


def test_what_a_database_calls_numbers_is_cast_as_strictly_as_text(
    shop: Any, database: Path
) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE orders SET amount = 'cheap' WHERE id = 2")
    connection.close()
    query = "SELECT id, placed_at, amount || '' AS amount, is_paid, due_on, note FROM orders"
    shop.declare(place={"sql": f"sqlite:///{database}", "query": query})
    assert shop.land("2013-03-01", "2013-03-05").n_quarantined == 1
    (row,) = shop.quarantined()
    assert (row["file"], row["line"], row["column"]) == ("sql query", 2, "amount")


def test_a_missing_column_breaks_the_contract(shop: Any, database: Path) -> None:
    query = "SELECT id, placed_at, amount AS amounts, is_paid, due_on, note FROM orders"
    shop.declare(place={"sql": f"sqlite:///{database}", "query": query})
    with pytest.raises(ContractBrokenError, match="'amount' is missing, renamed to \"amounts\""):
        shop.land()


def test_an_empty_table_is_no_error_and_wipes_nothing(shop: Any, database: Path) -> None:
    shop.declare(place={"sql": f"sqlite:///{database}", "table": "orders"})
    shop.land("2013-03-01", "2013-03-05")
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM orders")
    connection.close()
    report = shop.land("2013-03-01", "2013-03-05")
    assert report.n_delivered == 0
    assert len(report.kept_days) == 4
    assert shop.ids("2013-03-04") == [4]


def test_a_table_that_does_not_exist_is_unavailable(shop: Any, database: Path) -> None:
    shop.declare(place={"sql": f"sqlite:///{database}", "table": "bills"})
    with pytest.raises(UnavailableError, match="orders: sql bills cannot be read"):
        shop.land()


def test_the_url_comes_from_the_environment_and_is_never_shown(
    shop: Any, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.declare(place={"sql": "${SHOP_URL}", "table": "orders"})
    with pytest.raises(DeclarationError, match="SHOP_URL, which is unset"):
        shop.land()
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{database}")
    report = shop.land()
    assert str(database) not in report.model_dump_json() + str(shop.everything())


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////no/such/folder/s3cret/shop.db",
        "nosuchdialect://me:s3cret@host/db",
        "no url but s3cret",
        "postgresql://me:s3cret@127.0.0.1:1/s3cret",
    ],
)
def test_no_message_holds_the_secret(shop: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", url)
    shop.declare(place={"sql": "${SHOP_URL}", "table": "orders"})
    with pytest.raises(UnavailableError) as caught:
        shop.land()
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
