"""A ranking that cannot be interleaved is refused where it is declared."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.validate import mistakes

from ..serve.conftest import DECLARED, declare  # noqa: TID252  # tests are no installed package

INTERLEAVE = {"kind": "interleave", "interleave": {}}


def test_a_model_that_takes_one_row_a_request_ranks_nothing() -> None:
    with pytest.raises(ValidationError, match=r"needs serve.max_batch of 2 or more.*got 1"):
        Model.model_validate(
            {**DECLARED, "name": "m", "release": INTERLEAVE, "serve": {"max_batch": 1}}
        )


def test_a_gateway_that_takes_one_row_a_request_ranks_nothing(project: Project) -> None:
    declare(project, release=INTERLEAVE)
    file = project.root / "bentofiles" / "gateway.yaml"
    assert not any("interleave" in each for each in mistakes(project))
    file.write_text("access: local\nmax_rows: 1\n", encoding="utf-8")
    told = mistakes(Project(project.root, project.settings))
    assert any("ranks at least two items a query, but bentofiles/gateway.yaml" in e for e in told)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_whatever_has_a_score_may_rank(task: str) -> None:
    metrics = {"primary": "mae", "metrics": ["mae"]} if task == "regression" else {}
    label = {k: v for k, v in DECLARED["label"].items() if k in ("column", "known_at")}
    changed = {
        **DECLARED,
        "name": "m",
        "task": task,
        "release": INTERLEAVE,
        "judge": {**DECLARED["judge"], **metrics},
        "label": DECLARED["label"] if task == "binary" else label,
    }
    assert Model.model_validate(changed).release.kind == "interleave"
