from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.errors import UnavailableError
from perennial.keep.ledger import Ledger, Slot, bento_folder, serving
from perennial.keep.ledger_tables import audit


@pytest.fixture
def project(tmp_path: Path, ledger_url: str) -> Project:
    return Project(tmp_path, Settings(project=None, mlflow_uri=None, ledger_url=ledger_url))


@pytest.fixture
def ledger(project: Project) -> Ledger:
    return Ledger.of(project)


def audited(ledger: Ledger) -> list[tuple[str, str, str, dict[str, object]]]:
    with ledger.engine.connect() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.id))
        return [(row.actor, row.action, row.subject, json.loads(row.detail)) for row in rows]


def test_slots_are_reserved_once_and_their_ports_never_shared(ledger: Ledger) -> None:
    first, other = ledger.reserve("m", 4000), ledger.reserve("n", 4000)
    assert [(each.slot, each.port, each.state) for each in first] == [
        ("blue", 4000, "empty"),
        ("green", 4001, "empty"),
    ]
    assert [each.port for each in other] == [4002, 4003]
    assert ledger.reserve("m", 9000) == first
    assert ledger.slots() == first + other


def test_no_ports_left_is_told_and_reserves_nothing(ledger: Ledger) -> None:
    with pytest.raises(UnavailableError, match="no 2 ports are free from 65535 on"):
        ledger.reserve("m", 65535)
    assert ledger.slots() == []
    assert audited(ledger) == []


def test_nothing_serves_until_a_route_says_so(project: Project, ledger: Ledger) -> None:
    ledger.reserve("m", 4000)
    ledger.set_slot("m", "blue", "v1", "proven")
    assert ledger.current("m") is None
    assert serving(project, "m") is None
    ledger.route("m", "blue", "v1", "first", "test")
    slot, since = ledger.current("m") or pytest.fail("nothing serves")
    assert slot == Slot("m", "blue", 4000, "v1", "proven")
    now = serving(project, "m")
    assert now is not None
    assert (now.slot, now.port, now.version, now.since) == ("blue", 4000, "v1", since)
    assert now.version_folder == bento_folder(project, "m", "v1") / "src" / "model"
    assert ledger.current("other") is None


def test_the_newest_route_is_in_force_and_the_older_ones_stay_on_record(ledger: Ledger) -> None:
    ledger.reserve("m", 4000)
    ledger.set_slot("m", "blue", "v1", "proven")
    ledger.set_slot("m", "green", "v2", "proven")
    for slot, version in (("blue", "v1"), ("green", "v2"), ("blue", "v1")):
        ledger.route("m", slot, version, f"to {slot}", "test")
    current = ledger.current("m")
    assert current is not None
    assert current[0].slot == "blue"
    assert [each["why"] for each in ledger.history("m")] == ["to blue", "to green", "to blue"]
    assert all(isinstance(each["id"], int) for each in ledger.history("m"))


@pytest.mark.parametrize(
    ("slot", "version", "why"),
    [
        ("green", "v1", "which is None \\(empty\\)"),
        ("blue", "v2", "which is v1 \\(assigned\\)"),
        ("blue", "v1", "which is v1 \\(assigned\\)"),
        ("red", "v1", "which is not reserved"),
    ],
)
def test_no_route_to_a_slot_that_is_not_proven_with_that_version(
    ledger: Ledger, slot: str, version: str, why: str
) -> None:
    ledger.reserve("m", 4000)
    ledger.set_slot("m", "blue", "v1", "assigned")
    before = audited(ledger)
    with pytest.raises(UnavailableError, match=why):
        ledger.route("m", slot, version, "hope", "test")
    assert ledger.current("m") is None
    assert audited(ledger) == before


def test_a_slot_that_is_not_reserved_cannot_be_set(ledger: Ledger) -> None:
    ledger.reserve("m", 4000)
    with pytest.raises(UnavailableError, match="m has no slot 'red' reserved"):
        ledger.set_slot("m", "red", "v1", "proven")
    assert [action for _, action, *_ in audited(ledger)] == ["reserve"]


def test_every_change_is_audited_with_it_or_not_at_all(ledger: Ledger) -> None:
    ledger.reserve("m", 4000)
    ledger.set_slot("m", "blue", "v1", "failed", "no answer")
    ledger.set_slot("m", "blue", "v1", "proven")
    ledger.route("m", "blue", "v1", "why", "someone")
    assert audited(ledger) == [
        ("deploy", "reserve", "m", {}),
        ("deploy", "failed", "m/blue", {"version": "v1", "detail": "no answer"}),
        ("deploy", "proven", "m/blue", {"version": "v1", "detail": ""}),
        ("someone", "route", "m", {"slot": "blue", "version": "v1", "why": "why"}),
    ]
    with pytest.raises(ZeroDivisionError), ledger.change("break", "m", "test"):
        raise ZeroDivisionError
    assert len(audited(ledger)) == 4


def test_two_ledgers_of_one_database_see_each_other(project: Project, ledger: Ledger) -> None:
    other = Ledger.of(project)
    ledger.reserve("m", 4000)
    other.set_slot("m", "blue", "v1", "proven")
    other.route("m", "blue", "v1", "why", "test")
    assert ledger.current("m") == other.current("m") != None  # noqa: E711  # reads as one claim


def test_those_that_open_it_first_and_reserve_at_once_agree(tmp_path: Path) -> None:
    """Four make the tables and reserve at the same moment, two of them for the same model."""
    models = ["m", "m", "n", "o"]
    for n_round in range(10):
        url = f"sqlite:///{tmp_path / str(n_round)}.db"
        together = threading.Barrier(len(models))

        def race(model: str, url: str = url, together: threading.Barrier = together) -> list[Slot]:
            together.wait()
            return Ledger(url).reserve(model, 4000)

        with ThreadPoolExecutor(len(models)) as pool:
            reserved = list(pool.map(race, models))
        assert reserved[0] == reserved[1]
        ports = [slot.port for slot in Ledger(url).slots()]
        assert sorted(ports) == [4000, 4001, 4002, 4003, 4004, 4005]


def test_a_database_that_is_none_is_an_error_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(SQLAlchemyError):
        Ledger(f"sqlite:///{tmp_path / 'broken.db'}")


def test_the_ledger_is_where_the_settings_say(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    Ledger.of(Project(tmp_path, Settings(project=None, mlflow_uri=None, ledger_url=url)))
    assert (tmp_path / "elsewhere.db").is_file()
    assert not (tmp_path / "var").exists()
