"""Rankings through real servers: two fitted models, clicks by HTTP, and a challenger that dies."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import slots
from perennial.keep.release_changes import plan, start
from perennial.release.controller import Controller
from perennial.release.mirroring import Mirrors

from ..serve.conftest import (  # noqa: TID252  # tests are no installed package
    MODEL,
    QUESTION,
    declare,
    write_version,
)
from ..serve.test_servers import (  # noqa: TID252  # tests are no installed package
    BENTOFILES,
    Server,
    Servers,
    free_port,
    servers,
)
from .conftest import RELEASE, UNGUARDED

pytestmark = [pytest.mark.serving, pytest.mark.faults]

__all__ = ["servers"]

GUARDRAILS = {**UNGUARDED, "errors": 0.6}  # its death is part of the test, and must not end it
TRAYS = [5, 15, 25, 35, 45, 55]


class Street:
    """Customers who like what the champion puts last: the more trays, the better."""

    def __init__(self, servers: Servers, challenger: Server, version: str) -> None:
        self.servers, self.challenger, self.version = servers, challenger, version
        self.ledger = Ledger.of(servers.project)
        self.controller = Controller(servers.project)
        self.random = np.random.default_rng(8)
        route = self.ledger.live(MODEL)
        assert route is not None
        told = {"night": "2024-05-03", "why": "for the test", "stable": route.champion}
        begun = plan(MODEL, version, "green", kind="interleave", **told)
        self.release_id = start(self.ledger, begun, "test").id

    @property
    def release(self) -> releases.Release:
        return releases.find(self.ledger, self.release_id)

    def visit(self) -> set[Any]:
        """One query and its clicks; the versions that it names, which is none where both rank."""
        loaves = [float(each) for each in self.random.permutation(TRAYS)]
        query = [{**QUESTION, "trays": each} for each in loaves]
        items = self.servers.gateway.post("/rank", query)["items"]
        assert sorted(each["row"] for each in items) == [*range(len(loaves))]
        looks = 1 / np.arange(1, len(items) + 1)
        good = np.array([loaves[each["row"]] / 60 for each in items])
        clicked = self.random.random(len(items)) < looks * good
        told = [
            {"prediction_id": each["prediction_id"], "label": bool(label)}
            for each, label in zip(items, clicked, strict=True)
        ]
        assert self.servers.gateway.post("/feedback", told)["accepted"] == len(items)
        return {each["version"] for each in items}

    def until(self, *states: str, seconds: float = 120) -> None:
        """Customers come and the controller looks, until the release is in one of the states."""
        deadline = time.monotonic() + seconds
        while self.release.state not in states:
            assert time.monotonic() < deadline, f"{self.release.state}: {self.release.measured}"
            for _ in range(5):
                self.visit()
            self.controller.tick()

    def until_ranked_by(self, versions: set[Any], seconds: float = 60) -> None:
        """Until the gateway follows, or asks a server again."""
        deadline = time.monotonic() + seconds
        while self.visit() != versions:
            assert time.monotonic() < deadline


@pytest.fixture
def street(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    monkeypatch.setattr(Mirrors, "follow", lambda _, model: None)  # there is no registry here
    declare(servers.project, release={**RELEASE, "guardrails": GUARDRAILS})
    folder = servers.project.root / "challenger"
    shutil.copytree(BENTOFILES / "predictor", folder, ignore=shutil.ignore_patterns("__pycache__"))
    version = write_version(folder, is_upside_down=True)
    assert version != servers.version
    server = Server(folder, free_port(), servers.slot.home)
    server.start()
    ledger = Ledger.of(servers.project)
    with ledger.engine.begin() as connection:
        connection.execute(update(slots).where(slots.c.slot == "green").values(port=server.port))
    ledger.set_slot(MODEL, "green", version, "proven")
    try:
        server.until_ready()
        yield Street(servers, server, version)
    finally:
        server.kill()


def test_a_better_ranking_comes_through_though_its_server_dies_meanwhile(street: Street) -> None:
    assert street.visit() == {street.servers.version}
    street.until("canary")
    street.until_ranked_by({None})
    street.challenger.kill()
    for _ in range(8):
        assert street.visit() == {street.servers.version}, "the champion ranks in its place"
    street.challenger.start()
    street.challenger.until_ready()
    street.until_ranked_by({None})
    street.until("promoted", "rolling_back")
    assert street.release.state == "promoted", street.release.why
    street.until_ranked_by({street.version})
    assert street.servers.journaled("failure") == []
    asked = [each.content for each in street.servers.journaled()]
    both = [each for each in asked if each["other"] is not None]
    assert {each["version"] for each in both} == {street.servers.version, street.version}
    helped = [each for each in asked if each["fallback"] is not None]
    assert len(helped) >= 8 * len(TRAYS)
