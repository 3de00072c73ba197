"""What one version costs in the predictor's own process; run as a process of its own.

`python -m perennial.serve.measuring FOLDER` loads a packaged version exactly as its slot does
(verified bytes, proven by the reference rows) and prints what it found as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
from starlette.types import ASGIApp, Message

from perennial.learn.contract import Learner
from perennial.serve.hot import JSON
from perennial.serve.predictor import Predictor
from perennial.serve.proof import read_reference

BATCH = 256
SECONDS, MOST_CALLS, LEAST_CALLS = 1.0, 3000, 20


def measure(folder: Path) -> dict[str, Any]:
    """Memory in MB, milliseconds a whole answer takes (all but the network), rows a second.

    `folder` is a packaged version's. The memory is what loading and answering adds to a process
    that has imported the predictor.
    """
    before = _memory_mb()
    predictor = Predictor(folder)
    columns = read_reference(folder / "reference.json").columns
    n_rows = len(next(iter(columns.values())))
    rows = [_rows(columns, [row]) for row in range(n_rows)]
    batch = _rows(columns, [place % n_rows for place in range(BATCH)])
    app = predictor.app()
    one = asyncio.run(_answers(app, [orjson.dumps({"columns": row}) for row in rows]))
    many = asyncio.run(_answers(app, [orjson.dumps({"columns": batch})]))
    return {
        "memory_mb": _memory_mb() - before,
        "one_row_ms": _quantiles(one),
        "batch_ms": _quantiles(many),
        "rows_per_second": BATCH / (float(np.median(many)) / 1000),
        "model_ms": _quantiles(_model_alone(predictor.learner, rows)),
    }


def _rows(columns: dict[str, list[Any]], places: list[int]) -> dict[str, list[Any]]:
    return {name: [values[place] for place in places] for name, values in columns.items()}


class _Clock:
    """Milliseconds of each call, for a second or 3,000 calls; the first few are not counted."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.until = time.perf_counter() + SECONDS

    def is_running(self) -> bool:
        n_calls = len(self.taken)
        if n_calls < LEAST_CALLS * 2:
            return True
        return n_calls < MOST_CALLS and time.perf_counter() < self.until

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.taken.append(1000 * (time.perf_counter() - self._began))

    def milliseconds(self) -> list[float]:
        return self.taken[LEAST_CALLS:]


async def _answers(app: ASGIApp, bodies: list[bytes]) -> list[float]:
    clock, asked = _Clock(), cycle(bodies)
    while clock.is_running():
        body = next(asked)
        with clock:
            await _ask(app, body)
    return clock.milliseconds()


async def _ask(app: ASGIApp, body: bytes) -> None:
    """One POST to /predict, by the application's own door."""
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [JSON]}
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    if said[0]["status"] != 200:
        raise RuntimeError(f"/predict answered {said[0]['status']}: {said[1]['body']!r}")


def _model_alone(learner: Learner, rows: list[dict[str, list[Any]]]) -> list[float]:
    clock, asked = _Clock(), cycle(rows)
    while clock.is_running():
        row = next(asked)
        with clock:
            learner.predict(row)
    return clock.milliseconds()


def _quantiles(milliseconds: list[float]) -> dict[str, float]:
    median, late = np.quantile(milliseconds, [0.5, 0.99])
    return {"p50": float(median), "p99": float(late)}


def _memory_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / 1e6)


if __name__ == "__main__":
    sys.stdout.write(orjson.dumps(measure(Path(sys.argv[1]))).decode() + "\n")
