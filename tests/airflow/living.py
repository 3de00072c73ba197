"""A whole project under a real Airflow, and what tests do with it and ask of it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import itertools
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from perennial.replay.orchestrator import Orchestrator

REPOSITORY = Path(__file__).parents[2]
MODEL = "rental_minutes"
NIGHTLY = f"nightly_{MODEL}"
FIRST, BOOTSTRAPPED = "2024-05-01", "2024-06-03"
NIGHT_SECONDS = 240.0

WEAK = {"days": 4, "rounds": 20, "max_rounds": 8}
QUICK: dict[str, Any] = {
    "judge": {
        "held_back_days": 7, "min_rows": 300, "resamples": 100, "limits": {},
        "baselines": [{"kind": "yesterday"}],
    },
    "watch": {"min_rows": 60, "resamples": 100, "min_effect": 0.4, "max_loss": 5.0},
    "release": {
        "shadow": {"min_requests": 40},
        "steps": [0.5],
        "min_requests": 40,
        "guardrails": {
            "errors": 0.2, "latency": None, "score_shift": None, "score_distribution": None,
            "memory_mb": None, "disagreement": 0.9, "loss": None,
        },
        "time_limit_hours": 0.2,
        "armed_hours": 0,
    },
}  # fmt: skip
"""Fewer rows and requests than a real project would want, so that a night takes seconds."""


@dataclass
class Nights:
    """The project, the doors to it, and how long things took."""

    world: Any
    airflow: Orchestrator
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return Path(self.world.root)

    def declare(self, **blocks: dict[str, Any]) -> None:
        """Change blocks of the model's declaration, as a team edits its YAML."""
        path = self.root / "models" / f"{MODEL}.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, block in blocks.items():
            content[name] = {**content.get(name, {}), **block}
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def backfill(self, first: str, last: str) -> None:
        """Have Airflow run the nights from `first` to `last`, as its own command does."""
        self.world.run(
            *("airflow", "--", "backfill", "create", "--dag-id", "arrive"),
            *("--from-date", first, "--to-date", last, "--max-active-runs", "1"),
        )

    def arrive(self, night: str) -> str:
        """Trigger a night's arrival; how it ended."""
        run = self.airflow.trigger("arrive", night)
        self.until(f"arrive {night}", lambda: self.airflow.state("arrive", run) in ENDED)
        return self.airflow.state("arrive", run)

    def night(self, night: str) -> dict[str, str]:
        """Wait for the model's night; the state of each of its tasks."""
        self.until(f"{NIGHTLY} {night}", lambda: self.airflow.run_of(NIGHTLY, night) is not None)
        run = self.airflow.run_of(NIGHTLY, night)
        assert run is not None
        self.until(f"{NIGHTLY} {night}", lambda: self.airflow.state(NIGHTLY, run) in ENDED)
        tasks = self.airflow.tasks(NIGHTLY, run)
        assert self.airflow.state(NIGHTLY, run) == "success", (tasks, self.logs(NIGHTLY))
        return tasks

    def start(self, dag: str, **answers: Any) -> dict[str, str]:
        """Start a DAG as its form does, and wait; the state of each of its tasks."""
        body = {"logical_date": None, "conf": answers}
        run = str(self.airflow._ask("POST", f"/api/v2/dags/{dag}/dagRuns", body)["dag_run_id"])
        self.until(dag, lambda: self.airflow.state(dag, run) in ENDED)
        tasks = self.airflow.tasks(dag, run)
        assert self.airflow.state(dag, run) == "success", (tasks, self.logs(dag))
        return tasks

    def answer(self, night: str, choice: str) -> dict[str, Any]:
        """Wait until a person is asked about a night, and choose; what was asked."""
        self.until("the night", lambda: self.airflow.run_of(NIGHTLY, night) is not None)
        run = urllib.parse.quote(str(self.airflow.run_of(NIGHTLY, night)), safe="")
        task = f"/api/v2/dags/{NIGHTLY}/dagRuns/{run}/taskInstances/ask_a_person/-1/hitlDetails"
        waits = "awaiting_input"
        self.until(
            "the question",
            lambda: (
                self.airflow.tasks(NIGHTLY, urllib.parse.unquote(run)).get("ask_a_person") == waits
            ),
        )
        asked: dict[str, Any] = self.airflow._ask("GET", task)
        self.airflow._ask("PATCH", task, {"chosen_options": [choice]})
        return asked

    def until(self, what: str, is_done: Callable[[], bool]) -> None:
        """Wait on a condition, with a bound; what Airflow is doing is told when it is reached."""
        deadline = time.monotonic() + NIGHT_SECONDS
        while not is_done():
            assert time.monotonic() < deadline, f"{what}: {self.instances()}"
            time.sleep(0.2)

    def order(self, dag: str) -> list[str]:
        """The nights of a DAG's runs in the order in which they began."""
        return [
            str(night)
            for (night,) in self.query(
                "SELECT partition_key FROM dag_run WHERE dag_id = ? ORDER BY start_date", dag
            )
        ]

    def results(self) -> dict[str, str]:
        """The digest of everything that nights leave behind, but for when it was."""
        files = [*self.root.glob("data/lake/checked/**/*.parquet"),
                 *self.root.glob("data/lake/training/**/*.parquet"),
                 *self.root.glob(f"var/reports/*/{MODEL}/????-??-??.json")]  # fmt: skip
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
        }

    def perennial_ask(self, verb: str, watcher: str) -> None:
        """Have the supervisor do something with one of its processes."""
        code = (
            "from perennial.declare.project import Project; "
            "from perennial.deploy.supervision import ask; "
            f"ask(Project.find(), {verb!r}, name={watcher!r}, waiting=True)"
        )
        subprocess.run([sys.executable, "-c", code], env=self.world.environment, check=True)

    def query(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        """Rows of Airflow's database."""
        file = self.root / "var" / "airflow" / "airflow.db"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            return database.execute(sql, values).fetchall()

    def instances(self) -> list[tuple[Any, ...]]:
        """Every task instance that has a state."""
        return self.query(
            "SELECT dag_id, task_id, state, try_number, start_date, end_date "
            "FROM task_instance WHERE state IS NOT NULL ORDER BY start_date"
        )

    def notes(self, dag: str, night: str) -> str | None:
        """The note of a night's run."""
        rows = self.query(
            "SELECT note.content FROM dag_run_note note JOIN dag_run run "
            "ON run.id = note.dag_run_id WHERE run.dag_id = ? AND run.partition_key = ?",
            dag,
            night,
        )
        return str(rows[0][0]) if rows else None

    def logs(self, dag: str) -> str:
        """The last words of each task's newest log."""
        folder = self.root / "var" / "airflow" / "logs" / f"dag_id={dag}"
        newest = sorted(folder.rglob("*.log"), key=lambda path: path.stat().st_mtime)[-3:]
        return "\n".join(f"{path.parent.name}: {path.read_text()[-2500:]}" for path in newest)

    def ask(self, number: int) -> dict[str, Any]:
        """One question of a client."""
        stations, kinds = ("harbour", "market", "museum", "park"), ("city", "cargo", "electric")
        question = {
            "station": stations[number % 4],
            "kind": kinds[number % 3],
            "taken_at": f"2024-06-10T{number % 24:02}:{number % 60:02}:00Z",
        }
        answer: dict[str, Any] = self.world.post("/predict", question)
        return answer

    @contextlib.contextmanager
    def traffic(self, may_fail: bool = False) -> Iterator[list[str]]:
        """Clients that ask all the while; the ids of what they were answered.

        A client that got no answer fails the test, unless servers are killed on purpose.
        """
        stop, answered, errors = threading.Event(), [], []

        def run() -> None:
            for number in itertools.count():
                if stop.wait(0.01):
                    return
                try:
                    answered.append(str(self.ask(number)["prediction_id"]))
                except (OSError, http.client.HTTPException) as error:
                    errors.append(repr(error))
                    if isinstance(error, urllib.error.HTTPError):
                        error.close()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield answered
        finally:
            stop.set()
            thread.join()
        assert may_fail or errors == [], "a client got no answer"


ENDED = ("success", "failed")
