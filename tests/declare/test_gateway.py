from __future__ import annotations

from pathlib import Path

import pytest

from perennial.declare.declared import read_gateway
from perennial.declare.gateway import GATEWAY
from perennial.errors import DeclarationError


def declare(root: Path, text: str) -> Path:
    path = root / GATEWAY
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return root


def test_a_project_without_the_file_asks_for_keys(tmp_path: Path) -> None:
    assert read_gateway(tmp_path).access == "keys"


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert read_gateway(declare(tmp_path, "")).access == "keys"


def test_every_mistake_is_told_with_the_file_and_the_field(tmp_path: Path) -> None:
    declare(tmp_path, "access: none\nrate: {per_second: 0, burst: 5}\nmax_row: 3\n")
    with pytest.raises(DeclarationError) as told:
        read_gateway(tmp_path)
    assert told.value.mistakes == [
        f"{GATEWAY}: access must be one of keys, local, got 'none'",
        f"{GATEWAY}: rate.per_second must be > 0.0, got 0",
        f'{GATEWAY}: max_row is not a known field, did you mean "max_rows"? (accepted: access, '
        "label_share, max_body_bytes, max_depth, max_rows, rate, stall_ms, sync_ms)",
    ]
