"""Mistakes in declarations: the file, the dotted path, the value, what is accepted instead."""

from __future__ import annotations

from typing import Any

import pytest

from perennial.errors import DeclarationError

METRICS = "roc_auc, log_loss, average_precision, brier_score, calibration_error, rmse, mae, r2"


def told(orchard: Any) -> list[str]:
    """The mistakes that reading the model tells."""
    with pytest.raises(DeclarationError) as caught:
        orchard.project.model("ripe")
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("judge.margin", 1.5, "judge.margin must be in [0, 1), got 1.5"),
        ("judge.resamples", 5, "judge.resamples must be in [100, 10000], got 5"),
        ("judge.days", 0, "judge.days must be at least 1, got 0"),
        ("judge.days", "many", "judge.days must be a whole number, got 'many'"),
        ("judge.days", 2.5, "judge.days must be a whole number, got 2.5"),
        ("owner", ..., "owner is missing: Who answers for it"),
        ("owner", "", "owner must be a text that is not empty, got ''"),
        ("owner", None, "owner must be a text, got None"),
        ("rows.key", [], "rows.key must have at least 1 of them, got []"),
        ("train", 3, "train must be a mapping of fields, got 3"),
        ("task", "binry", "task must be one of binary, regression, got 'binry', "
         'did you mean "binary"?'),
        ("judge.metrics", ["log_loss", "roc"],
         f"judge.metrics.1 must be one of {METRICS}, got 'roc', did you mean \"roc_auc\"?"),
        ("judge.limits", {"roc": 1},
         f"judge.limits.roc must be one of {METRICS}, got 'roc', did you mean \"roc_auc\"?"),
        ("label.knwon_at", "x", 'label.knwon_at is not a known field, did you mean "known_at"? '
         "(accepted: column, known_at, negative, positive, unit)"),
        ("request.fields.0.type", "text", "request.fields.0.type must be one of "
         "string, integer, number, boolean, timestamp, got 'text'"),
        ("request.asked.field", "id",
         "request: asked.field 'id' is not a request field of type timestamp"),
        ("judge.primary", "rmse", "judge: rmse does not fit the task binary"),
        ("judge.baselines.0", {"kind": "yesterday", "columns": ["a"]},
         "judge.baselines.0: rate_by needs columns, yesterday takes none"),
        ("name", "ripe", "name is not a field: the file's name is the model's"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_path_value_and_what_is_accepted(
    orchard: Any, path: str, value: Any, sentence: str
) -> None:
    orchard.spoil_model(path, value)
    assert told(orchard) == [f"models/ripe.yaml: {sentence}"]


def test_all_mistakes_of_a_file_are_told_at_once(orchard: Any) -> None:
    document = {"description": "", "task": "classify", "judge": {"margin": -1}, "colour": "red"}
    orchard.model("ripe", document)
    told_ = "\n".join(told(orchard))
    for path in ("description must", "owner is missing", "task must", "judge.margin must",
                 "judge.primary is missing", "colour is not a known field"):  # fmt: skip
        assert f"models/ripe.yaml: {path}" in told_


def test_all_mistakes_of_all_files_are_told_at_once(orchard: Any) -> None:
    orchard.spoil_model("owner", "")
    orchard.spoil_model("judge.days", 0, name="rotten")
    assert [each.split(":")[0] for each in told(orchard)] == [
        "models/ripe.yaml",
        "models/rotten.yaml",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1\nb: 2\n", "models/ripe.yaml: line 2, column 2: not valid YAML: "),
        ("owner: me\ntask: x\nowner: you\n",
         "models/ripe.yaml: line 3, column 1: not valid YAML: 'owner' stands here twice"),
        ("a: \x01\n", "models/ripe.yaml: not valid YAML: "),
        ("just a text\n", "models/ripe.yaml: must be a mapping of fields, got 'just a text'"),
        ("", "models/ripe.yaml: must be a mapping of fields, got None"),
    ],
)  # fmt: skip
def test_what_is_no_mapping_in_yaml_is_told_with_its_line(
    orchard: Any, text: str, sentence: str
) -> None:
    orchard.write("models/ripe.yaml", text)
    (mistake,) = told(orchard)
    assert mistake.startswith(sentence)


def test_a_file_that_is_not_utf8_is_told(orchard: Any) -> None:
    (orchard.root / "models/ripe.yaml").write_bytes(b"owner: \xff\n")
    assert told(orchard)[0].startswith("models/ripe.yaml: is not UTF-8 text")


def test_a_declared_object_never_changes(orchard: Any) -> None:
    model = orchard.project.model("ripe")
    with pytest.raises(ValueError, match="frozen"):
        model.owner = "someone else"


def test_yaml_tags_are_not_executed(orchard: Any) -> None:
    orchard.write("models/ripe.yaml", "owner: !!python/object/apply:os.getcwd []\n")
    assert "not valid YAML" in told(orchard)[0]
