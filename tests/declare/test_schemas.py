"""JSON schemas, so that editors complete and check the YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from perennial.declare.schemas import SCHEMAS, export


@pytest.fixture
def schemas(tmp_path: Path) -> dict[str, Any]:
    """The exported schemas by kind."""
    paths = export(tmp_path / "schemas")
    return {path.name.removesuffix(".schema.json"): json.loads(path.read_text()) for path in paths}


def test_every_kind_has_a_valid_schema(schemas: dict[str, Any]) -> None:
    assert set(schemas) == set(SCHEMAS) == {"model", "gate", "gateway", "landing", "simulation"}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_valid_declarations_pass_and_spoiled_ones_do_not(
    schemas: dict[str, Any], orchard: Any
) -> None:
    model = yaml.safe_load((orchard.root / "models/ripe.yaml").read_text())
    gate = yaml.safe_load((orchard.root / "data/expectations/raw/fruit.yaml").read_text())
    landing = orchard.table()["config"]["meta"]["land"]
    for kind, document in (("model", model), ("gate", gate), ("landing", landing)):
        jsonschema.validate(document, schemas[kind])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, "colour": "red"}, schemas[kind])


def test_a_models_name_is_no_field(schemas: dict[str, Any]) -> None:
    assert "name" not in schemas["model"]["properties"]
    assert "name" not in schemas["model"]["required"]


def test_every_field_says_what_it_means(schemas: dict[str, Any]) -> None:
    silent = [
        f"{kind}.{title}.{name}"
        for kind, schema in schemas.items()
        for title, part in [("", schema), *schema.get("$defs", {}).items()]
        for name, field in part.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    assert silent == []


def test_exporting_twice_leaves_the_same_bytes(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in export(tmp_path)}
    assert {path: path.read_bytes() for path in export(tmp_path)} == first
