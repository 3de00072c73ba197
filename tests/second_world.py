"""What the tests of the second project make of it, for tests of other folders."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

CONFTEST = Path(__file__).parent / "project" / "conftest.py"


def second_world() -> ModuleType:
    """The module with `second_project`; pytest lets no folder import another one's conftest."""
    spec = importlib.util.spec_from_file_location("second_project_world", CONFTEST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
