"""A project whose reports and ledger look as after two months of nights, by their own forms."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import insert

from perennial.check.checked import Checked, CheckedTable, Finding
from perennial.decide.decided import Considered, Decided
from perennial.declare.project import Project
from perennial.judge.judged import Judged, Value
from perennial.keep.ledger import Ledger, bento_folder, now
from perennial.keep.ledger_tables import decisions
from perennial.keep.release_changes import Change, plan, start, transition
from perennial.release.guardrails import Measurement
from perennial.watch import watched as form

MODEL = "ripeness"
FIRST = date(2024, 2, 1)
OLD, NEW = "0f3a77c1d2e4", "9b1c55aa0e17"
COLUMNS = {
    "sweetness": 0.41, "weight_grams": 0.22, "colour": 0.14, "days_since_rain": 0.09,
    "orchard_mean_ripeness_over_14_days": 0.06, "is_washed": 0.05, "picker": 0.03,
}  # fmt: skip
DRIFTED_FROM, PROMOTED_ON = 24, 31


def seed(project: Project, *, n_nights: int = 40) -> None:
    """Write nights, decisions, gates, two versions and a canary under way."""
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, 4100)
    for version in (OLD, NEW):
        seed_bento(project, version)
    nights = [watched(index) for index in range(n_nights)]
    for night in nights:
        keep_watched(project, night)
    keep_decided(ledger, [decided(night, index) for index, night in enumerate(nights)])
    seed_gates(project)
    seed_judged(project)
    seed_release(ledger)
    ledger.engine.dispose()


def write(path: Path, content: str) -> None:
    """A file without the care of the project's own writing, which waits for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def seed_bento(project: Project, version: str) -> None:
    card = bento_folder(project, MODEL, version) / "src" / "MODEL_CARD.md"
    write(card, f"# {MODEL} {version}\n\nHow ripe a <b>fruit</b> is.\n")


def keep_watched(project: Project, night: form.Watched) -> None:
    folder = project.var / "reports" / "watch" / MODEL
    write(folder / f"{night.at}.json", night.model_dump_json())
    write(folder / f"{night.at}.html", f"<h1>Night {night.at}</h1>")


def watched(index: int) -> form.Watched:
    """One night: quiet at first, drifted from `DRIFTED_FROM` on, better after the promotion."""
    noise = random.Random(index)
    is_drifted = DRIFTED_FROM <= index < PROMOTED_ON
    level = 0.81 + noise.uniform(-0.012, 0.012) - (0.05 if is_drifted else 0.0)
    at = FIRST + timedelta(days=index)
    columns = tuple(compared(name, index, noise) for name in COLUMNS)
    state: form.State = "worse" if is_drifted else "quiet"
    finding = form.Finding(
        kind="feature_drift", level="alarm", subject="sweetness",
        sentence="sweetness moved: KS distance 0.31, quiet nights stay below 0.12, on 3 nights.",
    )  # fmt: skip
    return form.Watched(
        model=MODEL, at=at, version=NEW if index >= PROMOTED_ON else OLD,
        reference_from=date(2024, 1, 1), reference_until=FIRST,
        watched_from=at - timedelta(days=1), watched_until=at, n_rows=900 + noise.randrange(80),
        n_labelled=880, state=state, is_real=True if is_drifted else None,
        findings=(finding,) if is_drifted else (), columns=columns,
        performance_from=at - timedelta(days=7), performance_until=at,
        performance=(
            performance("roc_auc", level, 0.02, 0.812, "worse" if is_drifted else "as_expected"),
            performance("log_loss", 1.25 - level, 0.03, 0.44, "as_expected"),
        ),
        answered=form.Answered(
            n_answers=1000 + noise.randrange(300), n_failures=noise.randrange(8), n_labelled=640
        ),
    )  # fmt: skip


def performance(
    metric: str, value: float, room: float, expected: float,
    state: Literal["as_expected", "worse", "unknown"],
) -> form.Performance:  # fmt: skip
    return form.Performance(
        metric=metric,
        value=Value(estimate=value, low=value - room, high=value + room),
        expected=Value(estimate=expected, low=expected - room, high=expected + room),
        n_rows=6000,
        n_days=7,
        state=state,
    )


def compared(name: str, index: int, noise: random.Random) -> form.Compared:
    """A column that moves a little; two of them much, while the drift lasts."""
    threshold = 0.12
    effect: float | None = noise.uniform(0.01, 0.09)
    state: form.ColumnState = "quiet"
    if name in ("sweetness", "colour") and DRIFTED_FROM <= index < PROMOTED_ON:
        effect = 0.12 + 0.04 * min(5, index - DRIFTED_FROM)
        state = "suspected" if index == DRIFTED_FROM else "drifted"
    if name == "picker" and index % 9 == 4:
        effect, state = None, "unknown"
    is_number = name not in ("colour", "picker")
    known = effect is not None
    return form.Compared(
        name=name, role="feature", kind="number" if is_number else "category",
        test="ks" if is_number else "chi_squared", state=state, n_reference=30_000, n_current=930,
        missing_reference=0.01, missing_current=0.02, effect=effect,
        threshold=threshold if known else None, p_value=0.2, p_adjusted=0.4, psi=0.02,
        jensen_shannon=0.05, wasserstein=0.1, weight=COLUMNS[name], n_nights=0,
        shape=form.Shape(bins=("low", "middle", "high"), reference=(0.3, 0.5, 0.2),
                         current=(0.2, 0.4, 0.4)),
        sentence=f"{name} moved by {effect or math.nan:.2f}.",
    )  # fmt: skip


def decided(night: form.Watched, index: int) -> Decided:
    is_retrained = index == PROMOTED_ON - 1
    return Decided(
        model=MODEL, at=night.at, policy="watched",
        decision="retrain" if is_retrained else "stand_by",
        why="performance got worse on 3 of 3 nights and the drift persists"
        if is_retrained else "nothing that matters was found",
        situation="worse" if is_retrained else "quiet",
        seen=tuple(each.sentence for each in night.findings),
        considered=(
            Considered(decision="retrain", is_open=is_retrained, why="2 of 8 trainings of the last "
                       "30 nights are used; the last one is 19 nights ago"),
            Considered(decision="roll_back", is_open=False, why="no version before is warm"),
        ),
        strategy="stateless" if is_retrained else None,
        train_until=night.at - timedelta(days=7) if is_retrained else None,
        needs_approval=False, version=night.version,
    )  # fmt: skip


def keep_decided(ledger: Ledger, made: Sequence[Decided]) -> None:
    rows = [
        {
            "model": each.model, "night": each.at.isoformat(), "decision": each.decision,
            "made_at": now(), "watched": "", "record": each.model_dump_json(),
        }
        for each in made
    ]  # fmt: skip
    with ledger.change("decide", MODEL, "test") as connection:
        connection.execute(insert(decisions), rows)


def seed_release(ledger: Ledger) -> None:
    """The first version at once, the second by a canary that has come to its second step."""
    ledger.set_slot(MODEL, "blue", OLD, "proven")
    night = FIRST.isoformat()
    first = plan(MODEL, OLD, "blue", night=night, why="nothing served", kind="first")
    start(ledger, first, "test")
    ledger.set_slot(MODEL, "green", NEW, "proven")
    night = (FIRST + timedelta(days=PROMOTED_ON)).isoformat()
    stable = ledger.slots(MODEL)[0]
    second = plan(MODEL, NEW, "green", night=night, why="blessed on 31 days", stable=stable)
    going = start(ledger, second, "test")
    for change in (
        Change("shadow", "begin_shadow", "every question is copied", shadow=1.0),
        Change("canary", "advance", "212 copies compared: all pass", weight=0.05),
        Change("canary", "advance", "103 answers compared: all pass", step=1, weight=0.25),
    ):
        going = transition(ledger, going, change, "test", measured=measured())


def measured() -> list[dict[str, Any]]:
    """Guardrails as a controller measures them: passed, open, failed, not known, not declared."""
    found = (
        Measurement("errors", "passed", 0.002, -0.004, 0.009, 0.02, 103, True, "errors: 0 of 103"),
        Measurement("slow", "inconclusive", 0.03, -0.05, 0.12, 0.1, 103, True, "slow: 6 of 103"),
        Measurement("score_shift", "failed", 0.16, 0.12, 0.2, 0.1, 103, True, "score_shift: +0.16"),
        Measurement("disagreement", "undeclared", None, None, None, None, 0, False, "not declared"),
        Measurement("loss", "inconclusive", None, None, None, 0.05, 0, False, "loss: no labels"),
    )
    return [each.shown() for each in found]


def seed_judged(project: Project) -> None:
    at = FIRST + timedelta(days=PROMOTED_ON)
    judged = Judged(
        model=MODEL, at=at, verdict="blessed", reasons=("a gain of 0.04, above zero",),
        version=NEW, digest=NEW, learned_from=FIRST, learned_until=at, judged_from=at,
        judged_until=at, n_rows=900, n_days=7, n_unlabelled=0, n_not_yet_known=0, mean_label=0.3,
        champion=OLD, primary="roc_auc", metrics={}, opponents=(), slices=(), checks=(),
    )  # fmt: skip
    write(project.var / "reports" / "judge" / f"{MODEL}.json", judged.model_dump_json())


def seed_gates(project: Project, hostile: str = "") -> None:
    raw = (table("orchards"), table("pickings", failing=True, note=hostile))
    for layer, tables in (("raw", raw), ("marts", (table("fruit", n_quarantined=3),))):
        keep_checked(project, layer, tables)
    docs = project.var / "reports" / "data_docs"
    write(docs / "index.html", "<h1>Data Docs</h1>")


def keep_checked(project: Project, layer: Any, tables: Sequence[CheckedTable]) -> None:
    report = Checked(layer=layer, start="2024-03-10", end="2024-03-11", tables=tuple(tables))
    folder = project.var / "reports" / "check"
    write(folder / f"{layer}.json", report.model_dump_json())


def table(
    name: str, *, failing: bool = False, n_quarantined: int = 0, note: str = ""
) -> CheckedTable:
    passed = Finding(
        expectation="expect_column_values_to_not_be_null", columns=("fruit_id",), severity="stop",
        outcome="passed", asked="no value is missing", found="none is", declared_in=f"{name}.yaml",
        why="it is the key",
    )  # fmt: skip
    failed = Finding(
        expectation="expect_column_values_to_be_between", columns=("weight_grams",),
        severity="warn", outcome="failed", asked="0 to 2,000 grams", n_failing=3,
        found=f"3 of 931 are not{note}", declared_in=f"{name}.yaml",
        why="a weight in kilograms looks like a feather",
    )  # fmt: skip
    return CheckedTable(
        table=name, is_gated=True, is_published=True, n_rows=931, n_quarantined=n_quarantined,
        n_days=1, findings=(passed, failed) if failing else (passed,),
    )  # fmt: skip
