from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow takes seconds and is no part of judging."""

    class NoRegistry:
        def __init__(self, project: Any) -> None: ...

        def register(self, trained: Any, curve: Any) -> int:
            return 1

    monkeypatch.setattr("perennial.train.registry.Registry", NoRegistry)
