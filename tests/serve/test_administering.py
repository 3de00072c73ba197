"""Releases by HTTP: seen and steered, refused in words, on record with the key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from perennial.declare.project import Project
from perennial.keep.ledger import Ledger
from perennial.keep.release_changes import Change, plan, start, transition
from perennial.keep.releases import Release
from perennial.serve import administering
from perennial.serve.authenticating import CALLER

MODEL = "ripeness"
AT = f"/admin/release/{MODEL}"


class KnownCaller:
    """What the door leaves behind when it has let a key in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, CALLER: "k7"}, receive, send)


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(n_days=0)


@pytest.fixture
def ledger(project: Project) -> Iterator[Ledger]:
    made = Ledger.of(project)
    yield made
    made.engine.dispose()


@pytest.fixture
def begun(ledger: Ledger) -> Release:
    ledger.reserve(MODEL, 4100)
    ledger.set_slot(MODEL, "blue", "v1", "proven")
    ledger.set_slot(MODEL, "green", "v2", "proven")
    ledger.route(MODEL, "blue", "v1", "the first", "test")
    stable = ledger.slots(MODEL)[0]
    new = plan(MODEL, "v2", "green", night="2024-02-01", why="better", stable=stable)
    return transition(
        ledger, start(ledger, new, "test"), Change("canary", "step", "so far", weight=0.3), "test"
    )


class Client:
    """Asks the application, without a server."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str, **what: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, **what))

    async def _ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **what)


@pytest.fixture
def client(project: Project, ledger: Ledger) -> Client:
    return Client(KnownCaller(Starlette(routes=administering.routes(project, ledger))))


def test_it_tells_the_newest_release_with_its_record(client: Client, begun: Release) -> None:
    told = client.get(AT).json()
    assert (told["release"]["state"], told["release"]["weight"]) == ("canary", 0.3)
    assert [each["action"] for each in told["record"]] == ["begin", "step"]


def test_no_release_yet_is_an_answer(client: Client) -> None:
    told = client.get(AT)
    assert (told.status_code, told.json()["release"]) == (200, None)


def test_a_key_steers_a_release_and_is_on_record(
    client: Client, begun: Release, ledger: Ledger
) -> None:
    paused = client.post(f"{AT}/pause", json={"why": "a look"}).json()
    assert paused["release"]["paused_at"] is not None
    assert paused["release"]["weight"] == 0.3
    assert client.post(f"{AT}/resume", json={"why": "fine"}).json()["release"]["paused_at"] is None
    promoted = client.post(f"{AT}/promote", json={"why": "urgent"}).json()
    assert promoted["release"]["state"] == "promoted"
    current = ledger.current(MODEL)
    assert current is not None
    assert current[0].version == "v2"
    aborted = client.post(f"{AT}/abort", json={"why": "no"}).json()
    assert aborted["release"]["state"] == "rolled_back"
    by = [(each["action"], each["actor"], each["why"]) for each in aborted["record"][2:6]]
    assert by == [
        ("pause", "key k7 (gateway)", "a look"),
        ("resume", "key k7 (gateway)", "fine"),
        ("promote", "key k7 (gateway)", "urgent"),
        ("abort", "key k7 (gateway)", "no"),
    ]


def test_a_failed_guardrail_refuses_a_promotion_that_is_not_forced(
    client: Client, begun: Release, ledger: Ledger
) -> None:
    from perennial.keep.release_changes import show_measured

    show_measured(
        ledger, begun, [{"guardrail": "errors", "outcome": "failed", "says": "errors: 9"}]
    )
    refused = client.post(f"{AT}/promote", json={"why": "urgent"})
    assert refused.status_code == 409
    assert "errors: 9" in refused.json()["error"]["message"]
    forced = client.post(f"{AT}/promote", json={"why": "urgent", "force": True})
    assert forced.json()["record"][-1]["action"] == "force"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/admin/release/grapes/pause", {"why": "a"}, 404, "unknown_model"),
        (f"{AT}/explode", {"why": "a"}, 404, "unknown_action"),
        (f"{AT}/pause", {}, 422, "invalid"),
        (f"{AT}/pause", {"why": ""}, 422, "invalid"),
        (f"{AT}/pause", {"why": "a", "force": 1}, 422, "invalid"),
        (f"{AT}/pause", {"why": "a", "weight": 1}, 422, "invalid"),
        (f"{AT}/pause", {"why": "a"}, 409, "not_now"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    client: Client, path: str, body: Any, status: int, code: str
) -> None:
    refused = client.post(path, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)


def test_what_is_no_json_is_refused(client: Client) -> None:
    assert client.post(f"{AT}/pause", content=b"{").json()["error"]["code"] == "malformed"


def test_a_ledger_that_does_not_answer_is_told_and_changes_nothing(
    client: Client, begun: Release, ledger: Ledger, project: Project
) -> None:
    ledger.engine.dispose()
    file = project.var / "state" / "perennial.db"
    for each in file.parent.glob("perennial.db*"):
        each.rename(each.with_name(f"away-{each.name}"))
    file.mkdir()
    refused = client.post(f"{AT}/abort", json={"why": "no"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    file.rmdir()
    for each in file.parent.glob("away-*"):
        each.rename(each.with_name(each.name.removeprefix("away-")))
    assert client.get(AT).json()["release"]["state"] == "canary"
