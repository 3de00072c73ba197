from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from perennial.keep.journal import Entry, read
from perennial.keep.watermark import Watermark, record

from .conftest import SALE, Bakery

WHOLE = {
    "sale_id": "s2",
    "schema": "naïve\ntill",
    "_till": -(2**15),
    "sold_at": "2024-05-03T11:00:00.123456+02:00",
    "amount": 2**31 - 1,
    "price": 1e-7,
    "is_cash": False,
    "best_before": "2024-05-04",
    "receipt": 2**63 - 1,
}


def journaled(gateway: Bakery) -> list[Entry]:
    return list(read(gateway.project.var / "journal" / "events" / "sales"))


def test_an_event_is_journaled_as_a_row_of_its_source(gateway: Bakery) -> None:
    assert gateway.post("/events/sales", SALE).json == {"accepted": 1, "seq": 1}
    assert gateway.post("/events/sales", WHOLE).json == {"accepted": 1, "seq": 2}
    first, second = journaled(gateway)
    absent = dict.fromkeys(["_till", "price", "is_cash", "best_before", "receipt"])
    assert first.content["row"] == {**SALE, **absent}
    assert second.content["row"] == {**WHOLE, "sold_at": "2024-05-03T09:00:00.123456Z"}
    received_at = datetime.fromisoformat(first.content["received_at"])
    assert abs((datetime.now(UTC) - received_at).total_seconds()) < 60


def test_a_list_is_journaled_in_its_order(gateway: Bakery) -> None:
    rows = [{**SALE, "sale_id": f"s{n}"} for n in range(1000)]
    assert gateway.post("/events/sales", rows).json == {"accepted": 1000, "seq": 1000}
    entries = journaled(gateway)
    assert [entry.content["row"]["sale_id"] for entry in entries] == [f"s{n}" for n in range(1000)]


@pytest.mark.parametrize("n", [0, 1001])
def test_a_list_has_bounds(gateway: Bakery, n: int) -> None:
    reply = gateway.post("/events/sales", orjson.dumps([SALE] * n))
    assert (reply.status, reply.error["code"]) == (422, "batch_size")
    assert journaled(gateway) == []


def test_how_far_the_features_are_is_told(gateway: Bakery) -> None:
    assert gateway.get("/events/sales").json == {"seq": 0, "fresh_seq": 0}
    gateway.post("/events/sales", [SALE, SALE])
    record(gateway.project, {"sales": Watermark(fresh_seq=1, needed_from=1)})
    assert gateway.get("/events/sales").json == {"seq": 2, "fresh_seq": 1}


def test_a_source_that_takes_no_events_is_told_with_those_that_do(gateway: Bakery) -> None:
    reply = gateway.post("/events/shops", SALE)
    assert (reply.status, reply.error["code"]) == (404, "unknown_source")
    assert reply.error["message"] == "no source 'shops' takes events (these do: sales)"


def test_a_full_disk_is_told_and_journals_nothing(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        reply = gateway.post("/events/sales", SALE)
    assert (reply.status, reply.error["code"]) == (503, "journal")
    assert journaled(gateway) == []
    assert gateway.post("/events/sales", SALE).json["seq"] == 1
