"""Importing is cheap: a DAG file, a command and a server load only what they use."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

from perennial.stages import STAGES

HEAVY = {"airflow", "bentoml", "dbt", "feast", "great_expectations", "lightgbm", "mlflow", "pandas",
         "sklearn", "torch"}  # fmt: skip
PACKAGES = [*STAGES, "cli", "stages", "shown", "replay", "serve", "declare", "keep", "measure"]


@cache
def loaded_by(module: str) -> frozenset[str]:
    """The top-level modules that importing a module of the library loads."""
    code = f"import json, sys, perennial.{module}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return frozenset(name.partition(".")[0] for name in json.loads(done.stdout))


@pytest.mark.parametrize("module", PACKAGES)
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert "perennial" in loaded_by(module)
    assert not HEAVY & loaded_by(module)


def test_the_command_line_loads_no_stage() -> None:
    code = (
        "import sys, perennial.cli; print([n for n in sys.modules if n.startswith('perennial.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not [name for name in STAGES if f"'perennial.{name}'" in done.stdout]
