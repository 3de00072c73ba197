from __future__ import annotations

from typing import Any

import pytest

from perennial.errors import UnavailableError
from perennial.optimize import optimize
from perennial.train.candidate import read_candidate, replace_candidate


def test_the_candidate_goes_on_unchanged_and_the_report_says_why(make_project: Any) -> None:
    project = make_project(n_days=0)
    digest = replace_candidate(project, "ripeness", {"model.txt": b"tree"}, {})
    first = optimize("ripeness", "2024-01-21", project=project)
    assert (first.digest, first.version, first.chosen) == (digest, digest[:12], "original")
    assert "no variants are declared" in first.why
    assert optimize("ripeness", "2024-01-21", project=project) == first
    assert read_candidate(project, "ripeness").digest == digest


def test_without_a_candidate_it_says_what_to_run(make_project: Any) -> None:
    with pytest.raises(UnavailableError, match="run train first"):
        optimize("ripeness", "2024-01-21", project=make_project(n_days=0))
