"""A column that is missing, renamed or retyped stops its source; nothing of it is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.errors import ContractBrokenError


def stopped(shop: Any) -> str:
    """The message with which landing stops, having left everything as it was."""
    before = shop.everything()
    with pytest.raises(ContractBrokenError) as caught:
        shop.land()
    assert shop.everything() == before
    return str(caught.value)


def test_a_missing_column_stops_and_says_what_is_there(shop: Any) -> None:
    shop.deliver("orders-1.csv", shop.order(1, "2013-03-01"))
    shop.deliver("orders-2.csv", "1\n", header="id\n")
    message = stopped(shop)
    assert "orders: inbox/orders-2.csv: column 'amount' is missing" in message
    assert "found: id; accepted: amount as double" in message
    assert "declared in data/__sources.yml: orders.columns.amount" in message
    assert len(message.splitlines()) == 5  # every mistake at once


def test_a_renamed_column_is_named_by_its_likely_new_spelling(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"),
                 header=shop.header.replace("amount", "amounts"))  # fmt: skip
    assert "column 'amount' is missing, renamed to \"amounts\"?" in stopped(shop)


@pytest.mark.parametrize("name", ["Amount", " amount", "AMOUNT"])
def test_a_name_that_differs_in_case_or_blanks_is_told(shop: Any, name: str) -> None:
    shop.deliver("orders.csv", header=shop.header.replace("amount", name))
    assert f"column 'amount' is missing, renamed to \"{name}\"?" in stopped(shop)


def test_a_retyped_column_names_the_values_and_the_accepted_type(shop: Any) -> None:
    lines = [f"{n},2013-03-01T10:00:00Z,EUR {n},true,2013-03-01,n\n" for n in range(10)]
    shop.deliver("orders.csv", *lines)
    message = stopped(shop)
    assert "column 'amount' is retyped: found 'EUR 0' and the like in 10 of 10 values" in message
    assert "accepted: double; declared in data/__sources.yml: orders.columns.amount" in message


def test_half_of_the_values_may_be_wrong_and_more_may_not(shop: Any) -> None:
    good = [shop.order(n, "2013-03-01") for n in range(3)]
    bad = [f"{n},2013-03-01T10:00:00Z,?,true,2013-03-01,n\n" for n in range(3, 7)]
    shop.deliver("orders.csv", *good, *bad[:3])
    assert shop.land().n_quarantined == 3
    shop.deliver("orders.csv", *good, *bad)
    assert "'?' and the like in 4 of 7 values" in stopped(shop)


def test_one_retyped_file_among_many_stops_the_source(shop: Any) -> None:
    shop.deliver("orders-1.csv", *(shop.order(n, "2013-03-01") for n in range(100)))
    shop.deliver("orders-2.csv", "101,2013-03-01T10:00:00Z,x,true,2013-03-01,n\n")
    assert "inbox/orders-2.csv: column 'amount' is retyped" in stopped(shop)


def test_what_landed_before_stays_when_a_later_delivery_breaks_the_contract(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    shop.land()
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"), header="a,b,c,d,e,f\n")
    stopped(shop)
    assert shop.ids() == [1]


def test_an_empty_file_has_no_columns(shop: Any) -> None:
    shop.deliver("orders.csv", header="")
    assert "found: no column" in stopped(shop)


def parquet(shop: Any, **columns: Any) -> Path:
    """Deliver one Parquet file."""
    shop.declare(place={"path": "inbox/*.parquet"}, format="parquet")
    (shop.root / "inbox").mkdir(exist_ok=True)
    path: Path = shop.root / "inbox/orders.parquet"
    table = {
        "id": [1, 2], "placed_at": ["2013-03-01T10:00:00Z"] * 2, "amount": [1.5, None],
        "is_paid": [True, None], "due_on": [None, None], "note": ["a", None], **columns,
    }  # fmt: skip
    table = {key: value for key, value in table.items() if value is not ...}
    pq.write_table(pa.table(table), path)
    return path


def test_parquet_codes_that_became_numbers_are_retyped(shop: Any) -> None:
    parquet(shop, note=[7, 8])
    message = stopped(shop)
    assert "column 'note' is retyped: found bigint (as in '7'); accepted: varchar" in message


def test_parquet_without_a_column_stops(shop: Any) -> None:
    parquet(shop, note=..., notes=["a", "b"])
    assert "column 'note' is missing, renamed to \"notes\"?" in stopped(shop)


def test_parquet_columns_of_nothing_but_nulls_may_have_any_type(shop: Any) -> None:
    parquet(shop, note=pa.array([None, None], pa.int64()))
    assert shop.land().n_landed == 2


def test_json_codes_that_became_numbers_are_retyped(shop: Any) -> None:
    shop.declare(place={"path": "inbox/*.jsonl"}, format="json")
    shop.deliver(
        "orders.jsonl",
        '{"id":1,"placed_at":"2013-03-01T10:00:00Z","amount":1,"is_paid":true,"due_on":null,'
        '"note":7}\n',
        header="",
    )
    assert "column 'note' is retyped: found ubigint in 1 of 1 rows" in stopped(shop)


def test_json_without_a_column_in_any_row_stops(shop: Any) -> None:
    shop.declare(place={"path": "inbox/*.jsonl"}, format="json")
    shop.deliver("orders.jsonl", '{"id": 1}\n', '{"id": 2, "note": "n"}\n', header="")
    message = stopped(shop)
    assert "column 'amount' is missing" in message
    assert "column 'note'" not in message
