"""Days that are lived again ask within the bounds that the gateway declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep.journal import read
from perennial.replay.client import GatewayClient, parts
from perennial.replay.flowing import Answer, Flow, tell
from perennial.replay.timeline import Happened, Outcome

from .conftest import MODEL, NOON, SALE, Bakery, FakeSlot
from .test_door import open_door


class Told(GatewayClient):
    """A client whose requests go to a gateway in this process."""

    def __init__(self, bakery: Bakery) -> None:
        super().__init__(bakery.project)
        self._bakery = bakery
        self.n_rows: list[int] = []

    def post(self, path: str, body: Any) -> Any:
        reply = self._bakery.post(path, orjson.dumps(body, option=orjson.OPT_UTC_Z))
        if reply.status != 200:
            raise UnavailableError(f"{reply.status} {reply.error['message']}")
        self.n_rows.append(len(body))
        return reply.json

    def wait_until_fresh(self, source: str, seq: int) -> None:
        """Nobody makes features here."""


@pytest.fixture
def make_client(project: Project, slot: FakeSlot) -> Iterator[Callable[..., Told]]:
    """A function that declares the gateway's bounds and opens it."""
    opened: list[Bakery] = []

    def make(**declared: Any) -> Told:
        open_door(project, access="local", **declared)
        opened.append(Bakery(project, slot))
        return Told(opened[-1])

    yield make
    for each in opened:
        each.close()


def sales(n: int) -> list[Happened]:
    return [Happened(NOON, "sales", {**SALE, "sale_id": f"s{each}"}) for each in range(n)]


def test_events_are_told_in_as_many_rows_as_are_declared(make_client: Callable[..., Told]) -> None:
    client = make_client(max_rows=3)
    tell(client, sales(10))
    assert client.n_rows == [3, 3, 3, 1]
    journaled = read(client._bakery.project.var / "journal" / "events" / "sales")
    assert [entry.content["row"]["sale_id"] for entry in journaled] == [f"s{n}" for n in range(10)]


def test_events_are_told_in_as_many_bytes_as_are_declared(make_client: Callable[..., Told]) -> None:
    client = make_client(max_body_bytes=1000)
    tell(client, sales(50))
    assert sum(client.n_rows) == 50
    assert max(client.n_rows) < 15


def test_labels_are_told_in_as_many_rows_as_are_declared(make_client: Callable[..., Told]) -> None:
    client = make_client(max_rows=4)
    keys = [(each,) for each in range(9)]
    outcomes = [Outcome(NOON, key, 1) for key in keys]
    answers = {key: Answer(NOON, f"{key[0]:032x}", "v", 0.5) for key in keys}
    flow = Flow(client, MODEL, [], [], outcomes, answers=answers)
    flow.reveal_until(NOON)
    assert (client.n_rows, flow.n_labels) == ([4, 4, 1], 9)
    flow.reveal_until(NOON)
    assert sum(client.n_rows) == 9


def test_a_row_that_no_request_can_hold_is_refused_and_not_left_out() -> None:
    rows = ["a", "b" * 100, "c"]
    assert list(parts(rows, 10, 50)) == [["a"], ["b" * 100], ["c"]]
    assert list(parts([], 10, 50)) == []
