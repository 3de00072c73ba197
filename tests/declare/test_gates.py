"""Gates: read by layer and table."""

from __future__ import annotations

from typing import Any

import pytest

from perennial.errors import DeclarationError


def test_gates_are_found_by_layer_and_table(orchard: Any) -> None:
    orchard.gate("marts/ripeness", {"max_quarantined_share": 0})
    gates = orchard.project.gates
    assert sorted(gates) == [("marts", "ripeness"), ("raw", "fruit")]
    assert gates["raw", "fruit"].expectations[0].severity == "stop"
    assert gates["raw", "fruit"].max_quarantined_share == 0.01


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("expectations.0.severity", "halt",
         "expectations.0.severity must be one of stop, warn, quarantine, got 'halt'"),
        ("expectations.0.type", "not_null",
         "expectations.0.type must be "),
        ("expectations.0.why", "", "expectations.0.why must be a text that is not empty, got ''"),
        ("max_quarantined_share", 2, "max_quarantined_share must be in [0, 1], got 2"),
        ("expectation", [], 'expectation is not a known field, did you mean "expectations"?'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_path(
    orchard: Any, path: str, value: Any, sentence: str
) -> None:
    orchard.spoil_gate(path, value)
    with pytest.raises(DeclarationError) as caught:
        _ = orchard.project.gates
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"data/expectations/raw/fruit.yaml: {sentence}")
