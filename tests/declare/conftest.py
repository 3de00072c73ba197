"""A small valid project about fruit, which the tests then spoil."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.declare.project import Project
from perennial.declare.settings import Settings

TABLE: dict[str, Any] = {
    "name": "fruit",
    "description": "One row per fruit.",
    "columns": [
        {"name": "id", "data_type": "INTEGER", "constraints": [{"type": "not_null"}]},
        {"name": "picked_at", "data_type": "timestamptz", "description": "When it was picked."},
        {"name": "grams", "data_type": "double"},
    ],
    "config": {
        "meta": {
            "land": {"from": {"path": "inbox/*.csv"}, "key": ["id"], "event_time": "picked_at"}
        }
    },
}

MODEL: dict[str, Any] = {
    "description": "How ripe a fruit is.",
    "owner": "orchard",
    "task": "binary",
    "rows": {"mart": "ripeness", "key": ["id"]},
    "label": {"column": "is_ripe", "known_at": "known_at"},
    "features": "ripeness",
    "request": {
        "fields": [
            {"name": "id", "type": "integer", "description": "The fruit.", "example": 1},
            {
                "name": "picked",
                "type": "timestamp",
                "description": "When.",
                "example": "2013-01-01",
            },
        ],
        "asked": {"field": "picked"},
    },
    "train": {},
    "judge": {
        "primary": "log_loss",
        "metrics": ["log_loss", "roc_auc"],
        "baselines": [{"kind": "yesterday"}],
    },
}

GATE: dict[str, Any] = {
    "expectations": [
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "id"},
            "severity": "stop",
            "why": "Nothing can be joined without it.",
        }
    ]
}


class Orchard:
    """The project's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources(copy.deepcopy(TABLE))
        self.model("ripe", copy.deepcopy(MODEL))
        self.gate("raw/fruit", copy.deepcopy(GATE))
        self.write("data/marts/ripeness.sql", "select 1")
        self.write(
            "data/marts/ripeness.yml",
            "models: [{name: ripeness, columns: [{name: id}, {name: is_ripe}, {name: picked}, "
            "{name: known_at}, {name: event_timestamp}]}]",
        )
        self.write("feature_repo/services.py", 'x = FeatureService(name="ripeness", features=[])')

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def sources(self, *tables: Any) -> None:
        document = {"version": 2, "sources": [{"name": "raw", "tables": list(tables)}]}
        self.write("data/__sources.yml", yaml.safe_dump(document))

    def table(self, path: str = "", value: Any = None) -> dict[str, Any]:
        return spoiled(TABLE, path, value)

    def model(self, name: str, document: Any) -> None:
        self.write(f"models/{name}.yaml", yaml.safe_dump(document))

    def spoil_model(self, path: str, value: Any, name: str = "ripe") -> None:
        self.model(name, spoiled(MODEL, path, value))

    def gate(self, name: str, document: Any) -> None:
        self.write(f"data/expectations/{name}.yaml", yaml.safe_dump(document))

    def spoil_gate(self, path: str, value: Any, name: str = "raw/fruit") -> None:
        self.gate(name, spoiled(GATE, path, value))

    def expectation(self, **fields: Any) -> dict[str, Any]:
        return {**copy.deepcopy(GATE["expectations"][0]), **fields}

    @property
    def project(self) -> Project:
        return Project(self.root, Settings(project=None, ledger_url=None, mlflow_uri=None))


def spoiled(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `document` with the value at a dotted path replaced, or taken out with `...`."""
    result = copy.deepcopy(document)
    if not path:
        return result
    place: Any = result
    *parents, last = path.split(".")
    for each in parents:
        place = place[int(each)] if isinstance(place, list) else place[each]
    if value is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return result


@pytest.fixture
def orchard(tmp_path: Path) -> Orchard:
    """A valid project."""
    return Orchard(tmp_path)
