from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PARAMS = Path(__file__).parents[2] / "params.yaml"


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def test_days_are_quoted_because_dvc_takes_no_dates() -> None:
    found = list(leaves(yaml.safe_load(PARAMS.read_text(encoding="utf-8"))))
    assert found
    assert {type(each) for each in found} <= {str, int, float, bool}
