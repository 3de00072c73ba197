"""A small project that lives a day without servers: events, the real freshener, and questions.

The wall clock is the day's own: events and answers are journaled with the moments they would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from perennial.declare.parity import Parity as Declared
from perennial.declare.project import Project
from perennial.features import parity_events, stream
from perennial.features.freshener import Freshener
from perennial.features.online import OnlineFeatures
from perennial.features.refill import refill
from perennial.features.repository import open_store, register
from perennial.keep.journal import Journal
from perennial.layer.compiled import Compiled
from perennial.release.parity import compare
from perennial.release.parity_report import Parity
from perennial.release.parity_run import recompute
from perennial.serve.questions import Question

from ..features.market import (  # noqa: TID252  # tests are no installed package
    MODEL,
    NOON,
    declare,
    write_mart,
)

STALLS = [f"stall {number}" for number in range(40)]
BEFORE = NOON - timedelta(hours=12)
WINDOW = "RANGE BETWEEN INTERVAL 2 HOUR PRECEDING AND CURRENT ROW"
CROWD = f"""
    SELECT DISTINCT stall, count(*) OVER w AS n_people,
        CASE WHEN sum(n) OVER w > 6 THEN 'merry' ELSE 'calm' END AS mood,
        entered_at AS event_timestamp, entered_at AS created_timestamp
    FROM (SELECT * FROM raw_visits)
    WINDOW w AS (PARTITION BY stall ORDER BY entered_at {WINDOW})
"""
COMPILED = Compiled(queries={"crowd": CROWD}, reads={"crowd": ()}, sources={"crowd": ("visits",)})
COLUMNS = {
    "visit": "bigint", "stall": "varchar", "n": "bigint", "entered_at": "timestamptz",
}  # fmt: skip


def declared(root: Path) -> Project:
    """The market with a source of visits, of which its fresh view is made."""
    project = declare(root)
    land = {"from": {"path": "x"}, "key": ["visit"], "event_time": "entered_at"}
    land["events"] = {"from": "visits", "moments": {"entered_at": []}}
    columns = [{"name": name, "data_type": kind} for name, kind in COLUMNS.items()]
    table = {"name": "visits", "description": "One row per visit.", "columns": columns,
             "config": {"meta": {"land": land}}}  # fmt: skip
    (root / "data").mkdir(exist_ok=True)
    document = {"version": 2, "sources": [{"name": "raw", "tables": [table]}]}
    (root / "data/__sources.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    write_mart(
        project, "prices", BEFORE.date(), stall=STALLS, fruit_number=[1] * len(STALLS),
        price=[0.1 * number for number in range(len(STALLS))],
        is_ripe=[number % 2 == 0 for number in range(len(STALLS))],
        event_timestamp=[BEFORE - timedelta(days=30)] * len(STALLS),
    )  # fmt: skip
    register(project)
    return Project(root, project.settings)


@dataclass
class Market:
    """A living market."""

    project: Project
    n_visits: int = 0
    n_answers: int = 0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(8))

    def __post_init__(self) -> None:
        journal = self.project.var / "journal"
        self.visits = Journal(journal / "events" / "visits")
        self.answers = Journal(journal / "predictions")
        self.model = self.project.model(MODEL)
        self.freshener = Freshener(self.project)
        self.online = OnlineFeatures(self.project, self.model)

    def close(self) -> None:
        """Let others write the journals."""
        self.visits.close()
        self.answers.close()

    def visit(self, stall: str, entered_at: datetime, late: timedelta = timedelta(0)) -> None:
        """Somebody enters a stall; it is journaled `late`."""
        self.n_visits += 1
        row = {"visit": self.n_visits, "stall": stall, "n": self.n_visits % 5,
               "entered_at": entered_at}  # fmt: skip
        self.visits.append([{"received_at": entered_at + late, "row": row}])

    def ask(
        self, stall: str, at: datetime, asked_at: datetime | None = None, **changes: Any
    ) -> dict[str, Any]:
        """Ask at a moment, and journal the answer as the gateway does."""
        closes_at = (asked_at or at) + timedelta(hours=1)
        known = {"closes_at": closes_at, "stall": stall, "fruit_number": 1, "n_crates": 4}
        question = Question(known, asked_at or at)
        looked = self.online.look_up({n: [v] for n, v in known.items()}, [question.asked_at])
        self.n_answers += 1
        entry = {
            "kind": "answer",
            "prediction_id": f"answer-{self.n_answers}",
            "model": MODEL,
            "version": "v2",
            "release_id": 1,
            "at": at,
            "latency_ms": 4.0,
            "asked_at": question.asked_at,
            "request": known,
            "features": {name: values[0] for name, values in looked.columns.items()},
            "later": looked.later[0],
            **changes,
        }
        self.answers.append([entry])
        return entry

    def live(self, start: datetime, n_steps: int, questions: int = 4) -> datetime:
        """So many minutes in which people come and questions are asked; when it is then."""
        for step in range(n_steps):
            now = start + timedelta(minutes=step)
            for stall in self.random.choice(STALLS, 3):
                self.visit(str(stall), now)
            self.freshener.tick()
            for stall in self.random.choice(STALLS, questions):
                self.ask(str(stall), now + timedelta(seconds=1))
        return start + timedelta(minutes=n_steps)

    def spoil(self, stall: str, n_people: int) -> None:
        """Write a wrong value into the online store, as of now."""
        import pandas as pd
        from feast.data_source import PushMode

        now = pd.Timestamp(self.last_visit(stall))
        frame = pd.DataFrame({
            "stall": [stall], "n_people": [n_people], "mood": ["calm"],
            "event_timestamp": [now], "created_timestamp": [now],
        })  # fmt: skip
        open_store(self.project).push("crowd_push", frame, to=PushMode.ONLINE)

    def last_visit(self, stall: str) -> datetime:
        """When the last one entered a stall."""
        from perennial.keep.journal import read

        rows = [each.content["row"] for each in read(self.visits.folder)]
        return max(datetime.fromisoformat(r["entered_at"]) for r in rows if r["stall"] == stall)

    def parity(self, rows: int | None = None) -> Parity:
        """What comes of comparing the answers so far."""
        return recompute(MODEL, rows=rows, project=self.project)

    def parity_of(self, entries: Sequence[dict[str, Any]], **declared: Any) -> Parity:
        """What comes of comparing these."""
        return compare(self.project, self.model, entries, Declared.model_validate(declared))


def patch(monkeypatch: Any) -> None:
    """Let the marts' SQL be the market's, without dbt."""
    for module in (stream, parity_events):
        monkeypatch.setattr(module, "compile_project", lambda _: COMPILED)


def filled(root: Path) -> Project:
    """A market at midnight, its online store filled with what changes slowly."""
    project = declared(root)
    refill(project, BEFORE, only_slow=True)
    return project
