"""Every declaration on the page about learning is accepted as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from perennial.declare.model import Model
from perennial.declare.strategies import TRANSFERS, WAYS, Strategy, refusal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]
EXAMPLE = next((ROOT / "models").glob("*.yaml"))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_what_the_page_declares_is_accepted(block: dict[str, Any]) -> None:
    content = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    model = Model.model_validate({**content, **block, "name": EXAMPLE.stem})
    given = block["train"]
    shown = model.train.model_dump(mode="json")
    assert {name: shown[name] for name in given if name not in ("update", "transfer")} == {
        name: value for name, value in given.items() if name not in ("update", "transfer")
    }


def test_every_strategy_is_told() -> None:
    missing = [name for name in get_args(Strategy) if f"`{name}`" not in PAGE and name not in PAGE]
    assert not missing


def test_the_table_of_refusals_is_the_engine_s_own() -> None:
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) \|$", PAGE, re.M)
    told = {
        name: [not cell.startswith("refused") for cell in cells]
        for names, *cells in rows
        if all(cell.startswith(("yes", "refused")) for cell in cells)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert {*WAYS["lightgbm"], *WAYS["torch"], "transfer"} <= told.keys()
    for name, allowed in told.items():
        assert allowed == [not refusal(family, name) for family in ("lightgbm", "torch")], name
    assert TRANSFERS == ("torch",)
