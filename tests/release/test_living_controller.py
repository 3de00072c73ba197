"""The controller itself, any traffic, people of any mind: what must hold holds at every moment."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.conftest import declare

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.deploy import superseding
from perennial.errors import UnavailableError
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.releases import UNDER_WAY, Release
from perennial.release import machine, mirroring, release, steer
from perennial.release.controller import Controller
from perennial.release.servers import Servers

from .conftest import MODEL, Score, Traffic, failing, good, opposite, put, slightly_other

pytestmark = [pytest.mark.faults, pytest.mark.slow]

COMMON: dict[str, Any] = {
    "guardrails": {"errors": 0.4, "latency": None, "score_shift": 0.4, "disagreement": 0.5},
}
KINDS: list[dict[str, Any]] = [
    {"kind": "canary", "shadow": {"min_requests": 40}, "steps": [0.3, 0.6], "min_requests": 30},
    {"kind": "canary", "shadow": None, "steps": [0.5], "min_requests": 30, "armed_hours": 0},
    {"kind": "shadow", "shadow": {"min_requests": 40}},
    {"kind": "shadow", "shadow": {"min_requests": 40}, "then": "promote"},
    {"kind": "ab", "shadow": None, "ab": {"hours": 1e-9, "metric": "errors", "margin": 0.3}},
    {"kind": "blue_green"},
    {"kind": "blue_green", "armed_hours": 0},
]
NAMES = [f"{n}-{each['kind']}" for n, each in enumerate(KINDS)]
MINDS: dict[str, Score] = {
    "good": good, "other": slightly_other, "opposite": opposite, "failing": failing,
}  # fmt: skip


class LivingController(RuleBasedStateMachine):
    """A project in a folder of its own; controllers come and go, as if each was killed."""

    kind: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.project = Project(
            self.folder, Settings(project=None, mlflow_uri=None, ledger_url=None)
        )
        declare(self.project, {"task": "binary", "release": {**COMMON, **self.kind}})
        self.patches = [
            mock.patch.object(mirroring, "set_champion", return_value=1),
            mock.patch.object(mirroring.Mirrors, "follow"),
            mock.patch.object(Servers, "answers", return_value=True),
            mock.patch.object(superseding, "SETTLE", machine.SETTLE * 0),
            mock.patch.object(machine, "SETTLE", machine.SETTLE * 0),
            mock.patch("perennial.release.releasing.supervision.start_freshening_again"),
        ]
        for each in self.patches:
            each.start()
        self.ledger = Ledger.of(self.project)
        self.ledger.reserve(MODEL, 4100)
        put(self.project, "v1", "blue")
        release(MODEL, "2024-01-31", project=self.project)
        self.traffic = Traffic(self.project)
        self.n_versions = 1
        self.targets: dict[int, str | None] = {}
        self.aborted: set[int] = set()
        self.controller = Controller(self.project)
        self.offer(is_hasty=True)

    def newest(self) -> Release:
        return releases.of_model(self.ledger, MODEL, limit=1)[0]

    @precondition(lambda self: self.n_versions < 6)
    @rule(is_hasty=st.sampled_from([False, False, True]))
    def offer(self, is_hasty: bool) -> None:
        """Deploy and release the next version, as a night does it; or before the last is over."""
        before = self.newest()
        if before.is_open and not is_hasty:
            return
        self.n_versions += 1
        version = f"v{self.n_versions}"
        held = superseding.make_way(self.ledger, MODEL, version, "2024-02-01")
        if held is not None:
            assert held.state == "promoted" or held.paused_at is not None
            self.n_versions -= 1
            return
        route = self.ledger.live(MODEL)
        assert route is not None
        put(self.project, version, "green" if route.champion.slot == "blue" else "blue")
        report = release(MODEL, f"2024-02-{self.n_versions:02d}", project=self.project)
        self.targets[report.release_id] = route.champion.version
        if before.state in UNDER_WAY:
            assert self.targets[report.release_id] == before.stable_version, "the same target"

    @rule(n_rounds=st.sampled_from([1, 4, 16]))
    def live(self, n_rounds: int) -> None:
        """Questions come, and the controller looks; a while or a long one."""
        for _ in range(n_rounds):
            self.traffic.ask(25)
            self.controller.tick()
            self.one_candidate_at_most_and_its_weight_is_the_routes()

    @rule(mind=st.sampled_from(sorted(MINDS)))
    def change_its_mind(self, mind: str) -> None:
        """The version that is tried answers otherwise from now on."""
        self.traffic.new = MINDS[mind]

    @rule()
    def kill_the_controller(self) -> None:
        """The next one knows only what is in the ledger and the journals."""
        self.controller.ledger.engine.dispose()
        self.controller = Controller(self.project)

    @precondition(lambda self: self.newest().is_open)
    @rule(
        action=st.sampled_from(["pause", "resume", "resume", "promote", "abort"]),
        is_forced=st.booleans(),
    )
    def say(self, action: Any, is_forced: bool) -> None:
        before = self.newest()
        try:
            done = steer(MODEL, action, "test", by="ann", is_forced=is_forced, project=self.project)
        except UnavailableError:
            after = self.newest()
            assert (after.state, after.weight) == (before.state, before.weight)
            return
        if action == "abort":
            assert done.state == "rolled_back"
            self.aborted.add(done.release_id)
        if action == "pause":
            assert (done.state, done.weight) == (before.state, before.weight)

    @invariant()
    def one_candidate_at_most_and_its_weight_is_the_routes(self) -> None:
        route, newest = self.ledger.live(MODEL), self.newest()
        assert route is not None
        assert len(releases.all_open(self.ledger)) <= 1
        assert route.weight == newest.weight
        assert (newest.weight > 0) == (newest.state == "canary")
        if not newest.is_open or newest.state in ("pending", "rolling_back"):
            assert (route.weight, route.shadow, route.challenger) == (0, 0, None)

    @invariant()
    def nothing_is_done_while_it_has_a_weight(self) -> None:
        for each in releases.of_model(self.ledger, MODEL):
            if each.state in ("done", "promoted", "rolled_back", "rolling_back"):
                assert each.weight == 0

    @invariant()
    def the_stable_version_stays_and_answers_until_the_promotion(self) -> None:
        route, newest = self.ledger.live(MODEL), self.newest()
        assert route is not None
        for each in releases.of_model(self.ledger, MODEL):
            if each.id in self.targets:
                assert each.stable_version == self.targets[each.id]
        is_through = newest.state in ("promoted", "done")
        expected = newest.version if is_through else newest.stable_version
        assert route.champion.version == expected

    @invariant()
    def what_was_aborted_stays_so(self) -> None:
        for each in releases.of_model(self.ledger, MODEL):
            assert each.id not in self.aborted or each.state == "rolled_back"

    @invariant()
    def the_record_is_whole(self) -> None:
        newest = self.newest()
        record = releases.record(self.ledger, newest.id)
        assert len(record) == newest.revision + 1
        assert record[-1].state == newest.state
        assert all(each.actor for each in record)

    def teardown(self) -> None:
        self.traffic.close()
        for each in (self.ledger, self.controller.ledger, self.traffic.ledger):
            each.engine.dispose()
        for patch in self.patches:
            patch.stop()
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_whatever_happens_what_must_hold_holds(kind: dict[str, Any]) -> None:
    """A dozen lives of up to as many events; all that is drawn follows from a fixed seed."""
    of_kind = type("OfKind", (LivingController,), {"kind": kind})
    chosen = settings(max_examples=12, stateful_step_count=20, deadline=None, derandomize=True)
    run_state_machine_as_test(of_kind, settings=chosen)
