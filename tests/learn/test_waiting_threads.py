from __future__ import annotations

import os
import subprocess
import sys

import pytest

WHO_IS_LOADED_WITH = """
import importlib.abc, importlib, os, sys

class Seen(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == library:
            print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("CUBLAS_WORKSPACE_CONFIG"))
            sys.stdout.flush()
            os._exit(0)  # what it would do once loaded is not asked here

library, module, call = sys.argv[1:]
sys.meta_path.insert(0, Seen())
loaded = importlib.import_module(module)
if call:
    getattr(loaded, call)()
"""


@pytest.mark.parametrize(
    ("library", "module", "call"),
    [
        ("torch", "perennial.learn.network.fitting", ""),
        ("torch", "perennial.learn.network.learner", ""),
        ("torch", "perennial.learn.network.learning", ""),
        ("torch", "perennial.learn.variants.network_forms", ""),
        ("torch", "perennial.learn.variants.onnx_network", ""),
        ("lightgbm", "perennial.learn.lightgbm_library", "lightgbm"),
    ],
)
def test_threads_are_told_to_wait_asleep_before_a_library_is_loaded(
    library: str, module: str, call: str
) -> None:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("OMP_WAIT_POLICY", "CUBLAS_WORKSPACE_CONFIG")
    }
    asked = subprocess.run(
        [sys.executable, "-c", WHO_IS_LOADED_WITH, library, module, call],
        env=inherited,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert asked.stdout.split() == ["PASSIVE", ":4096:8"]
