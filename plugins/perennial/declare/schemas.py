"""JSON schemas of the declarations, so that editors complete and check the YAML."""

from __future__ import annotations

import json
from pathlib import Path

from perennial.declare.frozen import Frozen
from perennial.declare.gates import Gate
from perennial.declare.gateway import Gateway
from perennial.declare.model import Model
from perennial.declare.simulation import Simulation
from perennial.declare.sources import Landing

SCHEMAS: dict[str, type[Frozen]] = {
    "model": Model,
    "gate": Gate,
    "gateway": Gateway,
    "landing": Landing,
    "simulation": Simulation,
}


def export(folder: Path) -> list[Path]:
    """Write one JSON schema per kind of declaration into `folder`; the same twice."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(folder / f"{name}.schema.json", kind) for name, kind in SCHEMAS.items()]


def _write(path: Path, kind: type[Frozen]) -> Path:
    schema = kind.model_json_schema(by_alias=True)
    if kind is Model:  # a model's name is its file's name, not a field
        schema["properties"].pop("name")
        schema["required"].remove("name")
    path.write_text(json.dumps(schema, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path
