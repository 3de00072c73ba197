"""Importing the stage is cheap, and Great Expectations is silent and private when it is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

from perennial.check.expectations import load


def test_importing_the_stage_imports_nothing_heavy() -> None:
    heavy = "{'great_expectations', 'pandas'} & set(sys.modules)"
    code = f"import sys; import perennial.check; print(sorted({heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_usage_statistics_are_switched_off_for_whatever_it_imports() -> None:
    load()
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    assert "posthog" not in sys.modules
