"""Whole nights through a real Airflow, with real servers and real requests, in their order.

The tests build on each other as nights do: what one night promotes, the next one watches.
"""

from __future__ import annotations

import stat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.deploy.supervisor import slot_watcher
from perennial.keep import partitions, releases
from perennial.keep.ledger import Ledger, serving

pytestmark = [pytest.mark.airflow, pytest.mark.serving, pytest.mark.timeout(600)]

MODEL = "rental_minutes"
CALENDAR = {"policy": "calendar", "every_nights": 1, "cool_down_nights": 0}
STRONG = {"days": 4, "rounds": 20, "max_rounds": 200}


def project_of(nights: Any) -> Project:
    """The project that the nights are about."""
    return Project(nights.root, Settings(project=None, mlflow_uri=None, ledger_url=None))


def version(nights: Any) -> str:
    """What serves now."""
    found = serving(project_of(nights), MODEL)
    assert found is not None
    return found.version


def journaled(nights: Any) -> set[str]:
    """The ids of all answers in the journal."""
    return {each["prediction_id"] for each in nights.world.journaled() if each["kind"] == "answer"}


def test_up_prints_where_airflow_is_and_how_to_log_in(nights: Any) -> None:
    printed = nights.world.reports["up"]
    assert f"Airflow: {nights.airflow.url} (login admin / {nights.airflow.password})" in printed
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        assert f"airflow-{name}" in printed
    for name in ("airflow_passwords.json", "airflow_secrets.json"):
        mode = (nights.root / "var" / "state" / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600, name


def test_a_quiet_night_ends_in_standing_by(nights: Any) -> None:
    night = "2024-06-04"
    before = version(nights)
    nights.backfill(night, night)
    tasks = nights.night(night)
    assert tasks["stand_by"] == "success"
    assert {tasks[lane] for lane in ("retrain", "train", "release", "repair_data")} == {"skipped"}
    assert version(nights) == before
    note = nights.notes(f"nightly_{MODEL}", night)
    assert note is not None
    assert note.startswith("stand_by: stand_by by watched: ")


def test_a_retraining_goes_through_a_canary_to_its_promotion(nights: Any) -> None:
    night = "2024-06-05"
    before = version(nights)
    nights.declare(decide=CALENDAR, train={"stopping": STRONG})
    with nights.traffic() as answered:
        assert nights.arrive(night) == "success"
        tasks = nights.night(night)
    assert {tasks[lane] for lane in ("retrain", "train", "judge", "await_release", "promoted")} == {
        "success"
    }
    assert {tasks[lane] for lane in ("stand_by", "refused", "rolled_back")} == {"skipped"}
    assert version(nights) != before
    newest = releases.of_model(Ledger.of(project_of(nights)), MODEL)[0]
    assert newest.stable_version == before
    assert set(answered) <= journaled(nights)


def test_a_candidate_that_predicts_the_opposite_is_rolled_back(nights: Any) -> None:
    """It learned from labels turned round, and was judged on them: only the canary can tell."""
    before, project = version(nights), project_of(nights)
    turn_labels_round(project)
    with nights.traffic() as answered:
        tasks = nights.start("learn", model=MODEL, strategy="stateless", reason="a fire drill")
    assert tasks["rolled_back"] == "success"
    assert tasks["promoted"] == "skipped"
    assert version(nights) == before
    newest = releases.of_model(Ledger.of(project), MODEL)[0]
    assert newest.state == "rolled_back"
    assert "disagreement" in newest.why
    assert set(answered) <= journaled(nights)
    period = ("--start", "2024-05-01", "--end", "2024-06-05")
    nights.world.run("features", "--model", MODEL, *period)


def turn_labels_round(project: Project) -> None:
    """Poison the training rows: what took long took short."""
    for file in partitions.files_of(project.lake / "training" / MODEL):
        rows = pq.ParquetFile(file).read()
        turned = pc.subtract(60.0, rows["label"])
        place = rows.column_names.index("label")
        file.unlink()  # it may be a link to a file that others read
        pq.write_table(rows.set_column(place, "label", turned.cast(pa.float64())), file)


def test_a_stopped_gate_ends_the_night_and_serving_goes_on(nights: Any) -> None:
    night = "2024-06-06"
    nights.declare(decide={"policy": "watched"})
    delivered = nights.root / "inbox" / "rentals_2024-06-05.csv"
    good = delivered.read_text(encoding="utf-8")
    delivered.write_text(good.replace("kilometres", "miles"), encoding="utf-8")
    with nights.traffic() as answered:
        assert nights.arrive(night) == "failed"
    assert answered
    assert nights.airflow.run_of(f"nightly_{MODEL}", night) is None
    tried = [each for each in nights.instances() if each[:3] == ("arrive", "land", "failed")]
    assert [each[3] for each in tried] == [1], "a broken delivery is not tried again and again"
    delivered.write_text(good, encoding="utf-8")


def test_three_nights_without_a_scheduler_are_caught_up_in_order(nights: Any) -> None:
    """They also take up the day whose delivery was broken, now that it is repaired."""
    nights.perennial_ask("stop", "airflow-scheduler")
    nights.backfill("2024-06-07", "2024-06-09")
    nights.perennial_ask("start", "airflow-scheduler")
    for night in ("2024-06-07", "2024-06-08", "2024-06-09"):
        assert nights.night(night)["stand_by"] == "success"
    assert nights.order("arrive")[-3:] == ["2024-06-07", "2024-06-08", "2024-06-09"]
    assert nights.order(f"nightly_{MODEL}")[-3:] == ["2024-06-07", "2024-06-08", "2024-06-09"]
    lake = project_of(nights).lake
    days = [str(day) for day in partitions.days_of(lake / "checked" / "marts" / "rentals")]
    assert days[-4:] == ["2024-06-05", "2024-06-06", "2024-06-07", "2024-06-08"]


def test_a_scheduler_that_is_killed_in_the_night_ends_it_right(nights: Any) -> None:
    """It is the second run of its date, so it also leaves everything as it was."""
    night, before = "2024-06-09", nights.results()
    run = nights.airflow.trigger("arrive", night)
    nights.until(
        "the layer task", lambda: nights.airflow.tasks("arrive", run).get("layer") == "running"
    )
    scheduler = nights.world.supervised("airflow-scheduler")
    workers = scheduler.children(recursive=True)
    scheduler.kill()
    nights.until("the arrival", lambda: nights.airflow.state("arrive", run) == "success")
    assert nights.night(night)["decide"] == "success"
    assert nights.world.supervised("airflow-scheduler").pid != scheduler.pid
    assert not any(each.is_running() for each in workers), "workers outlived their scheduler"
    assert nights.results() == before


def test_servers_that_are_killed_in_the_night_come_back_and_lose_no_answer(nights: Any) -> None:
    night, slot = "2024-06-09", serving(project_of(nights), MODEL)
    assert slot is not None
    with nights.traffic(may_fail=True) as answered:
        run = nights.airflow.trigger("arrive", night)
        for name in ("gateway", slot_watcher(slot), "controller"):
            n_answered, killed = len(answered), nights.world.supervised(name)
            killed.kill()
            nights.world.supervised(name, but=killed.pid)
            nights.until("answers", lambda: len(answered) > n_answered)  # noqa: B023
        nights.until("the arrival", lambda: nights.airflow.state("arrive", run) == "success")
        assert nights.night(night)["decide"] == "success"
    assert releases.under_way(Ledger.of(project_of(nights)), MODEL) is None
    assert set(answered) <= journaled(nights)


def test_a_person_is_asked_where_that_is_declared(nights: Any) -> None:
    night = "2024-06-10"
    nights.declare(decide={**CALENDAR, "approve": ["retrain"]})
    with nights.traffic():
        assert nights.arrive(night) == "success"
        question = nights.answer(night, "retrain")
        tasks = nights.night(night)
    assert "the calendar trains every 1 nights" in question["body"]
    assert {tasks[each] for each in ("ask_a_person", "retrain", "train", "judge")} == {"success"}
    assert tasks["stand_by"] == tasks["update"] == "skipped"


def test_a_period_is_scored_and_house_is_kept_by_hand(nights: Any) -> None:
    scored = nights.start("score", model=MODEL, start="2024-06-01", end="2024-06-03")
    assert scored == {"score": "success"}
    folder = nights.root / "data" / "lake" / "predictions" / MODEL
    for day in ("2024-06-01", "2024-06-02"):
        assert (folder / f"day={day}" / "batch.parquet").is_file()
    assert nights.start("housekeeping") == {"keep_house": "success"}
