"""Refused versions as a metric: counted per model, and kept while the ledger is away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.exc import OperationalError

from perennial.declare.project import Project
from perennial.keep import distrust
from perennial.keep.ledger import Ledger, bento_folder
from perennial.serve import alerting
from perennial.serve.alerting import count_distrusted

from .conftest import MODEL, Bakery


def counted() -> float | None:
    return REGISTRY.get_sample_value("perennial_distrusted_versions", {"model": MODEL})


def refuse(project: Project, version: str) -> None:
    bento_folder(project, MODEL, version).mkdir(parents=True)
    distrust.refuse(Ledger.of(project), MODEL, version, "deploy", "model.txt is not as signed")


def test_refused_versions_are_counted_until_they_hold(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger.of(project)
    count_distrusted(project, ledger)
    assert counted() == 0
    refuse(project, "v1")
    refuse(project, "v2")
    count_distrusted(project, ledger)
    assert counted() == 2

    def away(*_: object) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    with monkeypatch.context() as patch:
        patch.setattr(alerting, "distrusted", away)
        count_distrusted(project, ledger)
    assert counted() == 2
    distrust.hold(ledger, MODEL, "v1", "deploy")
    count_distrusted(project, ledger)
    assert counted() == 1


def test_a_gateway_counts_them_from_its_start(
    make_gateway: Callable[..., Bakery], project: Project
) -> None:
    refuse(project, "v1")
    gateway = make_gateway()
    gateway.gateway.watch_events()
    gateway.until(lambda: counted() == 1)
