from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
import yaml

from perennial.declare.optimize import VARIANTS as VARIANTS_OF
from perennial.errors import DeclarationError, IntegrityError, UnavailableError
from perennial.judge import judge
from perennial.learn.contract import Learner
from perennial.learn.loading import parse_model
from perennial.learn.variants.compiled_trees import CompiledTrees
from perennial.learn.variants.making import Variant
from perennial.learn.variants.trees import VARIANTS
from perennial.optimize import Optimized, optimize, report_file
from perennial.optimize.optimized import OPTIMIZED
from perennial.train.candidate import (
    candidate_folder,
    read_candidate,
    read_trained,
    replace_candidate,
)

NIGHT = "2024-01-31"


def redeclare(project: Any, **optimize: Any) -> None:
    path = project.root / "models" / "ripeness.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**content, "optimize": optimize}))
    project.__dict__.pop("models", None)


def outcomes(report: Optimized) -> dict[str, str]:
    return {each.name: each.outcome for each in report.forms}


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


def test_a_variant_that_the_family_has_not_is_refused_with_those_it_has(make_project: Any) -> None:
    project = make_project(n_days=0, optimize={"variants": ["compield"]})
    with pytest.raises(DeclarationError, match=r"optimize\.variants\.0 must be one of .*compiled"):
        assert project.models


def test_a_variant_of_another_family_is_refused(
    make_project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VARIANTS_OF, "lightgbm", ("onnx", "pruned"))
    project = make_project(n_days=0, optimize={"variants": ["compiled"]})
    why = r"the learner lightgbm has no variant 'compiled' \(accepted: onnx, pruned\)"
    with pytest.raises(DeclarationError, match=why):
        assert project.models


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_every_variant_is_measured_and_the_largest_saving_goes_on(
    make_trained: Any, timed: dict[str, float], registered: Any, task: str
) -> None:
    names = ["compiled", "onnx", "pruned", "distilled"]
    project = make_trained(task, variants=names, distilled={"n_trees": 30, "num_leaves": 7})
    timed |= {"CompiledTrees": 0.25, "OnnxTrees": 0.5}
    trained = read_trained(project, "ripeness")
    report = optimize("ripeness", NIGHT, project=project)
    assert [each.name for each in report.forms] == ["original", *names]
    assert report.chosen == "compiled"
    assert "saves 75.0% of the median time for one row" in report.why
    assert outcomes(report) | {"pruned": "", "distilled": ""} == {
        "original": "original", "compiled": "qualifies", "onnx": "qualifies",
        "pruned": "", "distilled": "",
    }  # fmt: skip
    compiled = report.forms[1]
    assert compiled.largest_difference == 0
    assert {each.column for each in compiled.slices} == {"colour"}
    assert sum(each.n_rows for each in compiled.slices) == report.n_rows
    candidate = read_candidate(project, "ripeness")
    assert candidate.digest == report.digest != trained.digest
    assert isinstance(parse_model(candidate), CompiledTrees)
    assert Optimized.model_validate_json(candidate.files[OPTIMIZED]) == report
    assert candidate.files["training.json"] == trained.files["training.json"]
    assert read_trained(project, "ripeness").digest == trained.digest == report.trained
    assert json.loads(report_file(project, "ripeness").read_text())["chosen"] == "compiled"
    assert registered == [(report.digest, trained.digest)]
    assert judge("ripeness", NIGHT, project=project).digest == report.digest


def test_twice_is_once_and_another_declaration_begins_again_from_what_was_trained(
    make_trained: Any, timed: dict[str, float], registered: Any
) -> None:
    project = make_trained(variants=["compiled"])
    trained = read_trained(project, "ripeness").digest
    timed["CompiledTrees"] = 0.5
    first = optimize("ripeness", NIGHT, project=project)
    timed["CompiledTrees"] = 0.1
    assert optimize("ripeness", NIGHT, project=project) == first
    assert registered == [(first.digest, trained)] * 2  # the second only moves the alias
    redeclare(project, variants=["onnx"], max_metric_drop=0.02)
    timed["OnnxTrees"] = 0.5
    second = optimize("ripeness", NIGHT, project=project)
    assert (second.chosen, second.trained) == ("onnx", trained)
    redeclare(project)
    assert optimize("ripeness", NIGHT, project=project).chosen == "original"
    assert read_candidate(project, "ripeness").digest == trained
    assert OPTIMIZED not in read_candidate(project, "ripeness").files


def test_a_saving_too_small_leaves_the_original_with_the_table_beside_it(
    make_trained: Any, timed: dict[str, float], registered: Any
) -> None:
    project = make_trained(variants=["compiled", "onnx"])
    timed["CompiledTrees"] = 0.95
    report = optimize("ripeness", NIGHT, project=project)
    assert (report.chosen, report.digest) == ("original", report.trained)
    assert "saves 5.0% of the median time for one row, less than min_saving 10%" in report.why
    assert registered == []
    candidate = read_candidate(project, "ripeness")
    assert candidate.digest == report.trained
    assert Optimized.model_validate_json(candidate.files[OPTIMIZED]) == report
    assert optimize("ripeness", NIGHT, project=project) == report


def test_a_form_that_loses_too_much_is_refused(
    make_trained: Any, timed: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_trained(variants=["distilled"], distilled={"n_trees": 1, "num_leaves": 2})
    monkeypatch.setattr("perennial.optimize.trials.saved", lambda before, costs, by: 0.9)
    report = optimize("ripeness", NIGHT, project=project)
    assert outcomes(report)["distilled"] == "refused"
    assert "of roc_auc, more than max_metric_drop 0.02" in report.forms[1].why
    assert report.chosen == "original"


def test_pruning_stops_at_the_first_share_that_loses_too_much(
    make_trained: Any, timed: dict[str, float]
) -> None:
    shares = [0.9, 0.7, 0.5, 0.3, 0.1]
    project = make_trained(variants=["pruned"], saving="size", pruned={"shares": shares})
    report = optimize("ripeness", NIGHT, project=project)
    assert report.chosen == "pruned", report.why
    saved = report.forms[1].saved
    assert saved is not None
    assert saved > 0.1
    redeclare(project, variants=["pruned"], saving="size", max_metric_drop=0.0)
    strict = optimize("ripeness", NIGHT, project=project)
    assert strict.chosen == "original"
    assert "of its" in strict.forms[1].why


class Spoilt(CompiledTrees):
    """Answers that are no numbers, or lie a little off."""

    by = float("nan")

    def predict(self, rows: Any) -> Any:
        answers = super().predict(rows)
        answers[3] += self.by
        return answers


@pytest.mark.parametrize(
    ("by", "why"),
    [
        (float("nan"), "1 of 600 answers are not numbers"),
        (1e-3, "an answer lies 0.001 from the original's, which is more than optimize.tolerance"),
    ],
)
def test_wrong_answers_disqualify(
    make_trained: Any, timed: dict[str, float], monkeypatch: pytest.MonkeyPatch, by: float, why: str
) -> None:
    project = make_trained(variants=["compiled"])
    timed["Spoilt"] = 0.1
    monkeypatch.setattr(Spoilt, "by", by)
    monkeypatch.setattr("perennial.learn.loading.variant_class", lambda files: Spoilt)
    report = optimize("ripeness", NIGHT, project=project)
    assert report.chosen == "original"
    assert why in report.forms[1].why


def test_a_variant_that_cannot_be_made_is_told_and_costs_the_others_nothing(
    make_trained: Any, timed: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from perennial.learn.variants.making import NotPossibleError

    def refuses(original: Learner, making: Any) -> Learner:
        raise NotPossibleError("its leaves hold linear models")

    monkeypatch.setitem(VARIANTS, "onnx", Variant(refuses, is_exact=True))
    project = make_trained(variants=["onnx", "compiled"])
    timed["CompiledTrees"] = 0.5
    report = optimize("ripeness", NIGHT, project=project)
    assert report.chosen == "compiled"
    assert report.forms[1].why == "its leaves hold linear models"


def test_too_little_evidence_leaves_the_original_and_says_so(
    make_trained: Any, timed: dict[str, float]
) -> None:
    project = make_trained(variants=["compiled"])
    report = optimize("ripeness", "2024-01-24", project=project)
    assert report.chosen == "original"
    assert "nothing can be measured" in report.why
    assert "judge.held_back_days asks for 7" in report.why


KILLED = """
import os, signal, sys
from pathlib import Path
import perennial.optimize.keeping as keeping
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.optimize.optimized import Optimized
from perennial.train import candidate

replace = candidate._replace
def dies(folder, answering, beside):
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    rename = os.rename
    def once(a, b):
        rename(a, b)
        os.kill(os.getpid(), signal.SIGKILL)
    os.rename = once
    replace(folder, answering, beside)
candidate._replace = dies
project = Project(Path(sys.argv[1]), Settings(project=None, mlflow_uri=None, ledger_url=None))
begun = keeping.begin(project, "ripeness")
report = Optimized.model_validate_json(Path(sys.argv[3]).read_text())
keeping.keep_form(project, begun, report, {"model.txt": b"other"})
"""


@pytest.mark.parametrize("when", ["before", "between"])
def test_killed_while_writing_leaves_the_old_candidate(
    make_trained: Any, timed: dict[str, float], when: str
) -> None:
    project = make_trained(variants=["compiled"])
    before = read_candidate(project, "ripeness").digest
    report = optimize("ripeness", "2024-01-24", project=project)
    script = [sys.executable, "-c", KILLED, str(project.root), when]
    done = subprocess.run(
        [*script, str(report_file(project, "ripeness"))], check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert read_candidate(project, "ripeness").digest == before == report.trained
    timed["CompiledTrees"] = 0.5
    assert optimize("ripeness", NIGHT, project=project).chosen == "compiled"


def test_tampered_code_is_refused_before_it_is_loaded(
    make_trained: Any, timed: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_trained(variants=["compiled"])
    timed["CompiledTrees"] = 0.5
    optimize("ripeness", NIGHT, project=project)
    path = candidate_folder(project, "ripeness") / "trees.o"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(
        "perennial.learn.variants.compiled_trees.Loaded", lambda *_: pytest.fail("it was loaded")
    )
    with pytest.raises(IntegrityError, match=r"trees\.o differs from its digest"):
        optimize("ripeness", NIGHT, project=project)


@pytest.mark.slow
def test_what_it_costs_is_measured_in_the_predictor_s_own_process(make_trained: Any) -> None:
    project = make_trained(variants=["compiled", "onnx"], min_saving=0)
    report = optimize("ripeness", NIGHT, project=project)
    for form in report.forms:
        assert form.costs is not None
        assert form.costs.size_bytes > 1000
        assert 0 < form.costs.one_row_ms.p50 <= form.costs.one_row_ms.p99
        assert form.costs.one_row_ms.p50 < form.costs.batch_ms.p50
        assert 0 < form.costs.model_ms.p50 < form.costs.one_row_ms.p50
        assert form.costs.rows_per_second > 100


@pytest.mark.slow
def test_a_process_that_does_not_come_up_disqualifies(
    make_trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perennial.optimize import predictor_process

    project = make_trained(variants=["compiled"])
    dies = (sys.executable, "-c", "import sys; sys.exit('no such library')")
    asked: list[Any] = []
    shipped = predictor_process.COMMAND
    measured = predictor_process._measured

    def second_one_dies(folder: Any) -> Any:
        asked.append(folder)
        command = shipped if len(asked) == 1 else dies
        monkeypatch.setattr(predictor_process, "COMMAND", command)
        return measured(folder)

    monkeypatch.setattr(predictor_process, "_measured", second_one_dies)
    report = optimize("ripeness", NIGHT, project=project)
    assert report.chosen == "original"
    assert report.forms[1].why == "its process did not come up: no such library"
