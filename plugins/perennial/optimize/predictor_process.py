"""What a form costs, found out by a fresh process that loads it as its slot would."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from perennial.learn import version_files
from perennial.learn.contract import Learner
from perennial.learn.variants.making import NotPossibleError
from perennial.optimize.optimized import Costs

N_ROWS = 256
TIMEOUT_SECONDS = 120
COMMAND = (sys.executable, "-m", "perennial.serve.measuring")


def costs_of(learner: Learner, answering: Mapping[str, bytes], features: Any) -> Costs:
    """Start the predictor's process with these files, let it prove and time itself.

    `features` is a pyarrow Table whose first 256 rows are asked. Raises NotPossibleError, with
    what the process said last, when it does not come up, or does not answer as the learner does.
    """
    rows = features.slice(0, N_ROWS)
    columns = {name: rows[name].to_pylist() for name in learner.features}
    reference = {"columns": columns, "scores": learner.predict(rows).tolist()}
    with tempfile.TemporaryDirectory(prefix="perennial-") as name:
        folder = Path(name)
        version_files.write(folder / "model", answering, {})
        (folder / "reference.json").write_bytes(orjson.dumps(reference))
        found = _measured(folder)
    size = sum(len(content) for content in answering.values())
    return Costs.model_validate({"size_bytes": size, **found})


def _measured(folder: Path) -> Any:
    try:
        done = subprocess.run(
            [*COMMAND, str(folder)], capture_output=True, text=True, check=False,
            timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotPossibleError(
            f"its process did not answer within {TIMEOUT_SECONDS} seconds"
        ) from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        raise NotPossibleError(f"its process did not come up: {said}")
    return json.loads(done.stdout)
