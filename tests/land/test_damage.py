"""Bytes that flip on the way: whatever they hit, nothing is lost and nothing is half."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.errors import PerennialError

ROWS = 60


def flipped(content: bytes, seed: int, after: int) -> bytes:
    """`content` with one byte beyond `after` made another one."""
    chance = random.Random(seed)
    damaged = bytearray(content)
    damaged[chance.randrange(after, len(damaged))] = chance.randrange(256)
    return bytes(damaged)


MANY = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 150)]


@pytest.mark.parametrize("seed", [*range(10), *MANY])
def test_a_flipped_byte_in_a_csv_costs_at_most_the_rows_that_it_touches(
    shop: Any, seed: int
) -> None:
    lines = [shop.order(n, "2013-03-01", note=f'"q{n}"') for n in range(ROWS)]
    path = shop.deliver("orders.csv", *lines)
    path.write_bytes(flipped(path.read_bytes(), seed, after=len(shop.header)))
    report = shop.land()
    accounted = report.n_landed + report.n_quarantined + report.n_superseded + report.n_outside
    assert report.n_delivered == accounted + report.n_duplicates
    landed = set(shop.ids())
    untouched = {n for n in range(ROWS) if n in landed}
    assert len(untouched) >= ROWS - 2
    assert (
        report.n_landed + report.n_outside + report.n_superseded + report.n_duplicates >= ROWS - 2
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_byte_in_a_parquet_file_is_an_error_or_harmless(shop: Any, seed: int) -> None:
    shop.declare(place={"path": "inbox/*.parquet"}, format="parquet")
    (shop.root / "inbox").mkdir()
    path = shop.root / "inbox/orders.parquet"
    pq.write_table(
        pa.table(
            {
                "id": list(range(ROWS)),
                "placed_at": ["2013-03-01T10:00:00Z"] * ROWS,
                "amount": [1.5] * ROWS,
                "is_paid": [True] * ROWS,
                "due_on": ["2013-03-01"] * ROWS,
                "note": [f"n{n}" for n in range(ROWS)],
            }
        ),
        path,
        write_page_checksum=True,
    )
    path.write_bytes(flipped(path.read_bytes(), seed, after=0))
    try:
        n_delivered = shop.land().n_delivered
    except PerennialError as error:
        n_delivered, message = 0, str(error)
        assert "inbox/orders.parquet" in message  # or it is harmless
    assert n_delivered in (0, ROWS)
    assert bool(shop.days()) == bool(n_delivered)
