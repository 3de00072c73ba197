from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.declare.project import Project
from perennial.errors import IntegrityError
from perennial.judge import judge
from perennial.keep import partitions
from perennial.keep.journal import Journal
from perennial.keep.ledger import serving
from perennial.train import train
from perennial.watch import Watched, page_file, report_file, watch

from .conftest import JUDGE, LEARN, MODEL, change_days, replaced, serve, shifted

NIGHT = JUDGE + timedelta(days=3)
Served = Callable[..., Project]


def at(project: Project, night: date = NIGHT) -> Watched:
    return watch(MODEL, str(night), project=project)


def column(report: Watched, name: str) -> Any:
    return next(each for each in report.columns if each.name == name)


def sentences(report: Watched, kind: str, level: str) -> list[str]:
    return [each.sentence for each in report.findings if (each.kind, each.level) == (kind, level)]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_quiet_stream_stays_quiet(served: Served, task: str) -> None:
    project = served(task=task)
    nights = [at(project, NIGHT + timedelta(days=n)) for n in range(5)]
    assert [each.state for each in nights] == ["quiet"] * 5
    assert {each.state for each in nights[0].columns} == {"quiet"}
    assert {each.role for each in nights[0].columns} == {"feature", "prediction", "label"}
    assert {each.state for each in nights[0].performance} == {"as_expected"}


def test_twice_is_the_same_as_once(served: Served) -> None:
    project = served()
    first = at(project)
    kept = report_file(project, MODEL, NIGHT).read_bytes()
    page = page_file(project, MODEL, NIGHT).read_bytes()
    assert at(project) == first
    assert report_file(project, MODEL, NIGHT).read_bytes() == kept
    assert page_file(project, MODEL, NIGHT).read_bytes() == page
    assert Watched.model_validate_json(kept) == first


def test_a_shift_is_suspected_on_the_first_night_and_drift_on_the_second(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT + timedelta(days=2),
                shifted("sweetness", 3.0))  # fmt: skip
    first, second = at(project), at(project, NIGHT + timedelta(days=1))
    assert (first.state, column(first, "sweetness").state) == ("suspected", "suspected")
    assert (second.state, column(second, "sweetness").state) == ("drifted", "drifted")
    assert "out on 2 of the last 3 nights" in column(second, "sweetness").sentence
    assert column(first, "weight_grams").state == "quiet"
    assert sentences(second, "feature_drift", "alarm")


def test_a_night_without_a_report_is_not_taken_for_a_night_that_was_out(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT + timedelta(days=3),
                shifted("sweetness", 3.0))  # fmt: skip
    assert column(at(project), "sweetness").state == "suspected"
    report_file(project, MODEL, NIGHT).write_text("{}")
    nights = [at(project, NIGHT + timedelta(days=n)) for n in (1, 2)]
    assert [column(each, "sweetness").state for each in nights] == ["suspected", "drifted"]


def test_nights_caught_up_in_order_tell_what_they_would_have_told(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT + timedelta(days=3),
                shifted("sweetness", 3.0))  # fmt: skip
    nights = [NIGHT + timedelta(days=n) for n in range(3)]
    on_time = [at(project, night) for night in nights]
    later = [at(project, night) for night in nights]
    assert later == on_time


def test_an_unimportant_column_alone_does_not_make_drift(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT + timedelta(days=1),
                replaced("is_washed", lambda old: [True] * len(old)))  # fmt: skip
    first, second = at(project), at(project, NIGHT + timedelta(days=1))
    assert column(second, "is_washed").state == "drifted"
    assert column(second, "is_washed").weight < 0.1
    assert (first.state, second.state) == ("quiet", "quiet")
    assert sentences(second, "feature_drift", "note")


def test_a_new_category_is_a_change(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT,
                replaced("colour", lambda old: ["blue"] * len(old)))  # fmt: skip
    found = column(at(project), "colour")
    assert (found.kind, found.test, found.state) == ("category", "chi_squared", "suspected")
    assert "(other)" in found.sentence


def test_columns_that_are_ignored_are_not_compared(served: Served) -> None:
    project = served(watch={"ignore": ["sweetness"]})
    names = {each.name for each in at(project).columns}
    assert "sweetness" not in names
    assert "colour" in names


def without_rows(table: pa.Table) -> pa.Table:
    return table.slice(0, 0)


def ten_rows(table: pa.Table) -> pa.Table:
    return table.slice(0, 10)


def all_null(table: pa.Table) -> pa.Table:
    for name in ("sweetness", "weight_grams", "colour", "is_washed"):
        table = replaced(name, lambda old: [None] * len(old))(table)
    return table


@pytest.mark.parametrize("change", [without_rows, ten_rows])
def test_too_few_rows_are_unknown_and_never_quiet(served: Served, change: Any) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT, change)
    report = at(project)
    assert (report.state, report.is_real) == ("unknown", None)
    assert [each for each in report.findings if each.level in ("alarm", "unknown")]
    assert {c.state for c in report.columns if c.role != "label"} <= {"unknown"}


def test_no_partition_is_unknown_and_an_alarm_about_the_data(served: Served) -> None:
    project = served()
    partitions.partition(
        project.lake / "training" / MODEL, NIGHT - timedelta(days=1)
    ).unlink()  # fmt: skip
    report = at(project)
    assert (report.state, report.n_rows) == ("unknown", 0)
    assert "has no rows" in sentences(report, "data_quality", "alarm")[0]


def test_features_that_are_all_null_are_unknown_and_the_data_broken(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT, all_null)
    report = at(project)
    assert report.state == "broken"
    assert {c.state for c in report.columns if c.role == "feature"} == {"unknown"}
    assert len(sentences(report, "data_quality", "alarm")) == 4


def test_nothing_serves_is_unknown(make_project: Any) -> None:
    project = make_project()
    report = watch(MODEL, "2024-01-31", project=project)
    assert (report.state, report.version, report.columns) == ("unknown", None, ())
    assert "nothing serves" in report.findings[0].sentence
    assert page_file(project, MODEL, date(2024, 1, 31)).exists()


def test_a_column_that_is_missing_more_than_ever_breaks_the_data(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT,
                replaced("colour", lambda old: [None if n % 2 else each
                                                for n, each in enumerate(old)]))  # fmt: skip
    report = at(project)
    assert report.state == "broken"
    assert "colour is missing in 5" in sentences(report, "data_quality", "alarm")[0]


def test_a_column_that_is_often_missing_does_not_break_the_data_when_it_is(served: Served) -> None:
    def scarce(day: date, table: pa.Table) -> pa.Table:
        keep = 0 if day.day % 5 == 0 else 20
        return replaced("sweetness", lambda old: [*old[:keep], *[None] * (100 - keep)])(table)

    project = served(rows=scarce)
    night = date(2024, 2, 26)  # the day before is a 25th
    report = at(project, night)
    assert report.state == "quiet"
    assert column(report, "sweetness").state == "unknown"


def test_a_constant_feature_is_told_and_nothing_breaks(served: Served) -> None:
    project = served(rows=lambda day, table: replaced("weight_grams", lambda old: [7] * len(old))(
        table))  # fmt: skip
    report = at(project)
    assert report.state == "quiet"
    assert (column(report, "weight_grams").state, column(report, "weight_grams").effect) == (
        "quiet", 0,
    )  # fmt: skip
    assert any("weight_grams has one value" in each for each in
               sentences(report, "data_quality", "note"))  # fmt: skip


def test_worse_performance_is_found(served: Served) -> None:
    project = served()
    change_days(project, JUDGE, NIGHT + timedelta(days=7),
                replaced("label", lambda old: [1 - each for each in old]))  # fmt: skip
    report = at(project, NIGHT + timedelta(days=7))
    assert (report.state, report.is_real) == ("worse", True)
    found = next(each for each in report.performance if each.metric == "log_loss")
    assert found.state == "worse"
    assert "when the champion was judged" in sentences(report, "performance", "alarm")[0]


def test_drift_that_costs_nothing_is_virtual(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT + timedelta(days=1),
                shifted("sweetness", 3.0))  # fmt: skip
    at(project)
    report = at(project, NIGHT + timedelta(days=1))
    assert (report.state, report.is_real) == ("drifted", False)


def test_labels_known_only_later_are_not_used(served: Served) -> None:
    def late(table: pa.Table) -> pa.Table:
        table = replaced("label", lambda old: [1 - each for each in old])(table)
        return replaced("label_known_at", lambda old: [each + timedelta(days=30) for each in old])(
            table
        )

    project = served()
    quiet = at(project)
    change_days(project, NIGHT - timedelta(days=2), NIGHT, late)
    report = at(project)
    assert report.n_labelled == 0
    assert report.performance_until == NIGHT - timedelta(days=2)
    assert report.state == quiet.state == "quiet"


def test_a_day_of_which_only_the_first_labels_are_known_is_left_out(served: Served) -> None:
    def half(table: pa.Table) -> pa.Table:
        return replaced("label_known_at", lambda old: [
            each + timedelta(days=1) * (n % 2) for n, each in enumerate(old)])(table)  # fmt: skip

    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT, half)
    report = at(project)
    assert report.n_labelled == 50
    assert report.performance_until == NIGHT - timedelta(days=1)
    assert report.performance[0].n_days == 7


def test_without_a_judgement_of_the_champion_worse_is_unknown(served: Served) -> None:
    project = served()
    for file in project.var.rglob("judged.json"):
        file.unlink()
    (project.var / "reports" / "judge" / f"{MODEL}.json").unlink()
    report = at(project)
    assert {each.state for each in report.performance if each.metric == "log_loss"} == {"unknown"}
    assert "no judgement" in sentences(report, "performance", "unknown")[0]


def test_answers_that_are_too_high_while_they_rank_well_are_miscalibrated(served: Served) -> None:
    def rarer(old: np.ndarray) -> list[float]:
        random = np.random.default_rng(3)
        return [0.0 if random.random() < 0.4 else each for each in old]

    project = served(watch={"max_loss": 5.0})
    change_days(project, JUDGE, NIGHT + timedelta(days=7), replaced("label", rarer))
    report = at(project, NIGHT + timedelta(days=7))
    assert "too high on average" in sentences(report, "calibration", "alarm")[0]
    assert "ranking holds" in sentences(report, "calibration", "alarm")[0]
    assert report.state == "drifted"


def test_a_feature_that_was_not_delivered_is_missing(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT, lambda table: table.drop(["sweetness"]))
    report = at(project)
    assert report.state == "broken"
    assert column(report, "sweetness").state == "unknown"


def test_the_page_opens_alone_and_escapes_what_data_say(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT,
                replaced("colour", lambda old: ["<script>1</script>"] * len(old)))  # fmt: skip
    at(project)
    page = page_file(project, MODEL, NIGHT).read_text()
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert page.count("<svg") >= 8
    assert "width=device-width" in page


def test_what_the_servers_answered_is_told(served: Served) -> None:
    project = served()
    noon = datetime.combine(NIGHT - timedelta(days=1), time(12), tzinfo=UTC)
    answers = [
        {"prediction_id": f"{n:032x}", "model": MODEL, "version": "v", "variant": "champion",
         "asked_at": noon, "at": noon, "score": n / 10, "latency_ms": 1.0}
        for n in range(10)
    ]  # fmt: skip
    failure = {"kind": "failure", "model": MODEL, "version": "v", "at": noon, "n": 5}
    labels = [
        {"model": MODEL, "prediction_id": f"{n:032x}", "label": float(n > 4), "at": noon}
        for n in [*range(8), 99]
    ]
    for name, entries in (("predictions", [*answers, failure]), ("feedback", labels)):
        journal = Journal(project.var / "journal" / name)
        journal.append(entries)
        journal.close()
    report = at(project)
    told = report.answered
    assert (told.n_answers, told.n_labelled, told.n_failures) == (10, 8, 5)
    assert told.n_unmatched_labels == 1
    assert told.metrics["roc_auc"] == 1.0
    assert sentences(report, "service", "suspected") == [
        "5 questions were answered by nobody", "1 labels came for no known prediction",
    ]  # fmt: skip
    assert report.state == "quiet"
    assert at(project) == report


def test_damaged_files_of_the_champion_are_not_believed(served: Served) -> None:
    project = served()
    now = serving(project, MODEL)
    assert now is not None
    with (now.version_folder / "model.txt").open("ab") as file:
        file.write(b" ")
    with pytest.raises(IntegrityError, match=r"model\.txt differs"):
        at(project)


def test_a_champion_s_own_days_do_not_tell_its_performance(served: Served) -> None:
    project = served()
    report = at(project, LEARN + timedelta(days=4))
    assert report.performance_from == LEARN
    assert report.performance[0].n_days == 4
    assert report.performance[0].state == "unknown"
    assert at(project, LEARN).performance_from is None


def test_two_of_three_nights_are_enough_with_a_quiet_one_between(served: Served) -> None:
    project = served()
    for days in (0, 2):
        night = NIGHT + timedelta(days=days)
        change_days(project, night - timedelta(days=1), night, shifted("sweetness", 3.0))
    states = [at(project, NIGHT + timedelta(days=n)).state for n in range(4)]
    assert states == ["suspected", "quiet", "drifted", "quiet"]


def test_another_champion_begins_with_a_clean_slate(served: Served) -> None:
    project = served()
    change_days(project, NIGHT - timedelta(days=1), NIGHT + timedelta(days=1),
                shifted("sweetness", 3.0))  # fmt: skip
    assert column(at(project), "sweetness").state == "suspected"
    train(MODEL, str(LEARN - timedelta(days=3)), project=project)
    judge(MODEL, str(JUDGE), project=project)
    serve(project)
    second = at(project, NIGHT + timedelta(days=1))
    assert column(second, "sweetness").state == "suspected"


def test_values_that_were_never_learned_from_are_out_however_uneven_history_is(
    served: Served,
) -> None:
    def of_its_own(day: date, table: pa.Table) -> pa.Table:
        level = (day - date(2024, 1, 1)).days // 9 / 6
        return replaced("sweetness", lambda old: [level + each / 100 for each in range(100)])(table)

    project = served(rows=of_its_own)
    change_days(project, NIGHT - timedelta(days=1), NIGHT, shifted("sweetness", 100.0))
    found = column(at(project), "sweetness")
    assert found.effect == pytest.approx(1)
    assert found.p_adjusted > 0.05
    assert found.state == "suspected"
