"""The page of a release: what the controller writes while one lives, and what is drawn of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from perennial.cli import commands
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.release_changes import keep_on, plan, transition
from perennial.keep.releases import Recorded
from perennial.release import record_page, recording, release
from perennial.release.controller import Controller
from perennial.release.record_history import Point, folder_of, points
from perennial.release.record_told import Told

from .conftest import MODEL, NIGHT, Traffic, failing, slightly_other

DECLARED: dict[str, Any] = {
    "shadow": {"min_requests": 100},
    "steps": [0.2, 0.5],
    "min_requests": 100,
    "guardrails": {"errors": 0.1},
}
HOSTILE = "\"'><script>alert(1)</script>"

MakeTraffic = Callable[..., Traffic]


@pytest.fixture
def project(make_offered: Callable[[Any], Project]) -> Project:
    return make_offered(DECLARED)


@pytest.fixture
def begun(project: Project) -> int:
    return release(MODEL, NIGHT, project=project).release_id


def now(project: Project, release_id: int) -> releases.Release:
    return releases.find(Ledger.of(project), release_id)


def live(
    project: Project, begun: int, traffic: Traffic, until: str, most: int = 4000
) -> Controller:
    ticking = Controller(project)
    ticking.tick()
    for _ in range(most // 20):
        if now(project, begun).state == until:
            break
        traffic.ask(20)
        ticking.tick()
    assert now(project, begun).state == until
    return ticking


def page_of(project: Project, release_id: int) -> str:
    return recording.page_file(project, MODEL, release_id).read_text(encoding="utf-8")


def shown(text: str) -> str:
    """What a reader sees: the texts without the markup."""
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL))


def test_a_promoted_release_tells_every_step_and_every_measurement(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    live(project, begun, make_traffic(new=slightly_other), "promoted")
    text = page_of(project, begun)
    seen = shown(text)
    for name in ("pending", "shadow", "canary 20 %", "canary 50 %", "promoted"):
        assert name in seen
    assert "from to decision why by" in seen
    assert seen.count(" controller ") == 4
    assert "score shift" in seen
    assert text.count('class="drawn sequence"') >= 3
    assert text.count('class="drawn over-time"') == 1
    kept = list(points(folder_of(project, begun)))
    assert {each.phase for each in kept} >= {("shadow", 0), ("canary", 0), ("canary", 1)}
    by_phase = [each.n for each in kept if each.guardrail == "errors" and each.phase[0] == "shadow"]
    assert by_phase == sorted(set(by_phase))
    assert len(by_phase) > 3


def test_the_twin_in_json_has_the_same(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    live(project, begun, make_traffic(new=slightly_other), "canary")
    file = recording.page_file(project, MODEL, begun).with_name("release.json")
    twin = json.loads(file.read_text(encoding="utf-8"))
    assert twin["release"]["version"] == "v2"
    assert [each["state"] for each in twin["record"]] == ["pending", "shadow", "canary"]
    assert twin["record"][-1]["measured"][0]["guardrail"] == "errors"
    assert {each["guardrail"] for each in twin["measurements"]} >= {"errors", "score_shift"}


def test_one_that_went_back_tells_what_failed(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    live(project, begun, make_traffic(new=failing), "rolling_back")
    text = page_of(project, begun)
    assert "Measured when it was rolled back" in text
    assert re.search(r'<span class="chip failed">failed</span>', text)
    assert re.search(r'<b class="failed">✗ \d+</b>', text)
    assert "surely beyond 0.1" in shown(text)


def test_who_paused_it_is_told_and_a_page_follows_a_person(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    ticking = live(project, begun, make_traffic(new=slightly_other), "shadow")
    seen = now(project, begun)
    transition(
        Ledger.of(project), seen, keep_on(seen, "pause", "lunch is served"), "rosa, by command"
    )
    ticking.tick()
    text = page_of(project, begun)
    assert "lunch is served" in shown(text)
    assert "rosa, by command" in shown(text)
    assert 'class="hold pause"' in text
    assert "It is paused since" in shown(text)


def test_a_page_that_cannot_be_written_holds_up_no_release(
    project: Project, begun: int, make_traffic: MakeTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording, "replace_text", full)
    live(project, begun, make_traffic(new=failing), "rolling_back")
    assert not recording.page_file(project, MODEL, begun).exists()


def test_a_page_that_a_killed_controller_left_behind_is_written_by_the_next(
    project: Project, begun: int, make_traffic: MakeTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(project, begun, make_traffic(new=slightly_other), "canary")
    with monkeypatch.context() as patched:
        patched.setattr(recording.Recording, "look", lambda *_: None)
        seen = now(project, begun)
        transition(
            Ledger.of(project), seen, replace(keep_on(seen, "abort", "no"), state="done"), ""
        )
    assert '<span class="chip canary">' in page_of(project, begun)
    recording.Recording(project, Ledger.of(project)).catch_up()
    assert '<span class="chip done">' in page_of(project, begun)


def test_it_is_made_on_demand_and_an_unknown_release_is_refused(project: Project) -> None:
    file = recording.write(project, Ledger.of(project), 1)
    text = file.read_text(encoding="utf-8")
    assert "No guardrail has numbers yet" in text
    assert "Nothing was measured" in text
    with pytest.raises(UnavailableError, match="no release 99"):
        recording.write(project, Ledger.of(project), 99)


def test_the_command_says_where_the_page_is(
    project: Project, begun: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "find", lambda: project)
    told = CliRunner().invoke(commands, ["release", "show", "--model", MODEL])
    assert told.exit_code == 0, told.output
    page = project.root / json.loads(told.output)["page"]
    assert page == recording.page_file(project, MODEL, begun)
    assert "It waits for its server" in page.read_text(encoding="utf-8")


def test_no_text_of_the_record_becomes_markup() -> None:
    made = replace(plan(HOSTILE, HOSTILE, "blue", night=HOSTILE, why=HOSTILE), state="canary")
    odd = {"guardrail": HOSTILE, "outcome": HOSTILE, "says": HOSTILE, "limit": 0.1, "low": HOSTILE}
    at = "2024-01-01T00:00:0{}+00:00"
    record = [
        Recorded(at.format(1), "shadow", 0, 0.0, 1.0, 0, "shadow", HOSTILE, [], HOSTILE),
        Recorded(at.format(2), "shadow", 0, 0.0, 1.0, 0, "pause", HOSTILE, [], HOSTILE),
        Recorded(at.format(3), "canary", 0, 0.1, 0.0, 0, HOSTILE, HOSTILE, [odd], HOSTILE),
    ]
    seen = [Point(HOSTILE, "canary", 0, HOSTILE, n, HOSTILE, 0.1, -1, 1, 0.2) for n in (1, 2)]
    text = record_page.page(Told(made, record, seen, at.format(9)))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 10


def test_nothing_comes_from_the_internet_and_no_script_runs() -> None:
    text = record_page.page(Told(plan("m", "v", "blue", night="n", why="w"), [], [], "soon"))
    assert not re.findall(r"""(?:src|href|url|import)\s*[=(]""", text)
    assert "<script" not in text
    assert "default-src 'none'" in text


def test_the_pages_files_are_small() -> None:
    large = [path.name for path in Path(record_page.PAGES).iterdir() if path.stat().st_size > 7000]
    assert not large
