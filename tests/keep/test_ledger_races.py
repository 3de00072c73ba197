"""Processes that change the ledger at once, on a file and on a real server."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import select

from perennial.errors import BusyError, UnavailableError
from perennial.keep import release_changes, releases
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.ledger_tables import audit
from perennial.keep.release_changes import Change

N_PROCESSES = 4
FORK = multiprocessing.get_context("fork")


def race(work: Callable[[str, int], Any], url: str) -> list[Any]:
    """What each of several processes returns that start `work` at the same moment."""
    together, told = FORK.Barrier(N_PROCESSES), FORK.SimpleQueue()
    racers = [
        FORK.Process(target=_racer, args=(work, url, number, together, told))
        for number in range(N_PROCESSES)
    ]
    for racer in racers:
        racer.start()
    found = [told.get() for _ in racers]
    for racer in racers:
        racer.join(30)
        assert racer.exitcode == 0
    return found


def _racer(
    work: Callable[[str, int], Any], url: str, number: int, together: Barrier, told: Any
) -> None:
    together.wait(30)
    try:
        told.put(work(url, number))
    except BaseException as error:
        told.put(repr(error))
        raise


def reserve(url: str, number: int) -> list[Slot]:
    return Ledger(url).reserve(f"m{number % 2}", 4000)


def test_the_first_to_open_it_make_its_tables_and_share_no_port(ledger_url: str) -> None:
    found = race(reserve, ledger_url)
    assert len({tuple(each) for each in found}) == 2
    assert sorted(each.port for each in Ledger(ledger_url).slots()) == [4000, 4001, 4002, 4003]


def begin(url: str, number: int) -> bool:
    new = release_changes.plan("m", f"v{number}", "green", night="2024-02-01", why="a race")
    try:
        release_changes.start(Ledger(url), new, f"racer {number}")
    except BusyError:
        return False
    return True


def test_of_releases_that_begin_at_once_one_does(ledger_url: str) -> None:
    Ledger(ledger_url).reserve("m", 4000)
    assert sorted(race(begin, ledger_url)) == [False, False, False, True]
    assert len(releases.all_open(Ledger(ledger_url))) == 1


def step(url: str, number: int) -> int:
    """Take 10 steps, each from what was read just before; how many were refused."""
    ledger, n_refused, n_taken = Ledger(url), 0, 0
    while n_taken < 10:
        release = releases.under_way(ledger, "m")
        assert release is not None
        change = Change("canary", "step", f"racer {number}", step=release.step + 1)
        try:
            release_changes.transition(ledger, release, change, f"racer {number}")
            n_taken += 1
        except BusyError:
            n_refused += 1
    return n_refused


def test_every_step_rests_on_the_one_before(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    ledger.reserve("m", 4000)
    begin(ledger_url, 0)
    race(step, ledger_url)
    release = releases.under_way(ledger, "m")
    assert release is not None
    assert (release.step, release.revision) == (10 * N_PROCESSES, 10 * N_PROCESSES)
    steps = [each.step for each in releases.record(ledger, release.id)]
    assert steps == list(range(10 * N_PROCESSES + 1))


def fail_or_promote(url: str, number: int) -> str:
    """Half of them find the slot's version wrong, half let it answer."""
    ledger = Ledger(url)
    if number % 2:
        ledger.set_slot("m", "green", "v2", "failed", "wrong")
        return "failed"
    try:
        ledger.route("m", "green", "v2", "promoted", "a race")
    except UnavailableError:
        return "refused"
    return "routed"


def test_nothing_is_routed_to_a_slot_after_it_failed(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    ledger.reserve("m", 4000)
    ledger.set_slot("m", "green", "v2", "proven")
    found = race(fail_or_promote, ledger_url)
    assert set(found) <= {"failed", "routed", "refused"}
    with ledger.engine.connect() as connection:
        query = select(audit.c.action).order_by(audit.c.id)
        actions = list(connection.execute(query).scalars())
    assert "route" not in actions[actions.index("failed") :]
