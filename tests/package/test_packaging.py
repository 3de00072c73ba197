from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perennial.declare.project import Project
from perennial.errors import (
    GateStoppedError,
    IntegrityError,
    UnavailableError,
)
from perennial.judge import Judged
from perennial.keep.ledger import bento_folder
from perennial.learn.loading import load_model
from perennial.package import package, packaged_version, verify_bento
from perennial.package.signature import signature_file
from perennial.train import train

AT = "2024-01-31"


def judged_of(project: Project) -> Judged:
    path = project.var / "reports" / "judge" / "ripeness.json"
    return Judged.model_validate_json(path.read_bytes())


def test_twice_is_once(blessed: Project, quick_build: list[str]) -> None:
    first = package("ripeness", AT, project=blessed)
    assert package("ripeness", AT, project=blessed) == first
    assert quick_build == [first.version]
    assert packaged_version(blessed, "ripeness") == first.version
    assert first.tag == f"ripeness:{first.version}"


def test_the_bento_holds_the_model_and_its_proof(blessed: Project, quick_build: list[str]) -> None:
    packaged = package("ripeness", AT, project=blessed)
    source = verify_bento(blessed, "ripeness", packaged.version) / "src"
    reference = json.loads((source / "reference.json").read_text())
    learner = load_model(source / "model")
    assert list(reference["columns"]) == list(learner.features)
    assert len(reference["scores"]) == packaged.n_reference_rows == 20
    np.testing.assert_array_equal(learner.predict(reference["columns"]), reference["scores"])


def test_nothing_packaged_says_so(blessed: Project) -> None:
    with pytest.raises(UnavailableError, match="no version is packaged"):
        packaged_version(blessed, "ripeness")


def test_no_judgement_no_package(blessed: Project, quick_build: list[str]) -> None:
    (blessed.var / "reports" / "judge" / "ripeness.json").unlink()
    with pytest.raises(GateStoppedError, match="run judge first"):
        package("ripeness", AT, project=blessed)


@pytest.mark.parametrize("verdict", ["refused", "not_enough_evidence"])
def test_only_the_blessed_are_packaged(
    blessed: Project, quick_build: list[str], judgement: Any, verdict: str
) -> None:
    update = {"verdict": verdict, "reasons": ("it was too sour",)}
    judgement(blessed, judged_of(blessed).model_copy(update=update))
    report = package("ripeness", AT, project=blessed)
    assert (report.is_packaged, report.tag) == (False, None)
    assert report.why == f"{verdict}: it was too sour"
    assert quick_build == []
    with pytest.raises(UnavailableError, match="no version is packaged"):
        packaged_version(blessed, "ripeness")


def test_judgement_of_another_candidate_does_not_count(
    blessed: Project, quick_build: list[str]
) -> None:
    train("ripeness", "2024-01-20", project=blessed)
    with pytest.raises(GateStoppedError, match="run judge again"):
        package("ripeness", AT, project=blessed)


def test_judgement_from_the_future_does_not_count(blessed: Project, quick_build: list[str]) -> None:
    with pytest.raises(GateStoppedError, match="after 2024-01-30"):
        package("ripeness", "2024-01-30", project=blessed)


def test_broken_judgement_is_told(blessed: Project, quick_build: list[str]) -> None:
    (blessed.var / "reports" / "judge" / "ripeness.json").write_text('{"verdict": "blessed"}')
    with pytest.raises(IntegrityError, match="is not a judgement"):
        package("ripeness", AT, project=blessed)


def test_tampered_candidate_is_not_packaged(blessed: Project, quick_build: list[str]) -> None:
    model = blessed.var / "models" / "ripeness" / "candidate" / "model.txt"
    model.write_bytes(model.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match=r"model\.txt differs"):
        package("ripeness", AT, project=blessed)


def test_what_a_killed_build_left_is_built_again(blessed: Project, quick_build: list[str]) -> None:
    first = package("ripeness", AT, project=blessed)
    signature_file(blessed, "ripeness", first.version).unlink()  # killed before it was signed
    (bento_folder(blessed, "ripeness", first.version) / "src" / "half").write_text("")
    assert package("ripeness", AT, project=blessed) == first
    assert len(quick_build) == 2


def test_card_tells_what_matters(blessed: Project, quick_build: list[str]) -> None:
    packaged = package("ripeness", AT, project=blessed)
    folder = bento_folder(blessed, "ripeness", packaged.version)
    card = (folder / "src" / "MODEL_CARD.md").read_text()
    for words in (
        f"# ripeness {packaged.version}",
        "orchard",
        packaged.digest,
        judged_of(blessed).checks[1].sentence,
        "2024-01-01 <= day < 2024-01-21",
        "| baseline rate_by_colour |",
        "| colour = missing |",
        "perennial train --model ripeness --at 2024-01-21",
        "The declaration does not say",
    ):
        assert words in card
    assert str(blessed.root) not in card


def test_a_version_carries_its_judgement(blessed: Project, quick_build: list[str]) -> None:
    packaged = package("ripeness", AT, project=blessed)
    folder = bento_folder(blessed, "ripeness", packaged.version)
    carried = Judged.model_validate_json((folder / "src" / "judged.json").read_bytes())
    assert carried == judged_of(blessed)


def test_report_is_about_the_version(blessed: Project, quick_build: list[str]) -> None:
    packaged = package("ripeness", AT, project=blessed)
    assert (packaged.at, packaged.digest) == (date(2024, 1, 31), judged_of(blessed).digest)
    assert str(blessed.root) not in packaged.model_dump_json()


@pytest.mark.slow
def test_bentoml_builds_it_and_finds_it_again(
    blessed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = package("ripeness", AT, project=blessed)
    assert package("ripeness", AT, project=blessed) == first
    folder = verify_bento(blessed, "ripeness", first.version)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        "bento.yaml", "src/service.py", "src/reference.json", "src/MODEL_CARD.md",
        "src/model/model.txt", "src/model/features.json", "src/model/training.json",
        "src/model/manifest.json", "src/judged.json",
    } <= files  # fmt: skip
    assert not [name for name in files if name.endswith(".pyc")]


@pytest.mark.slow
def test_a_service_that_cannot_be_imported_is_never_packaged(blessed: Project) -> None:
    service = blessed.root / "bentofiles" / "predictor" / "service.py"
    service.write_text("raise RuntimeError('the proof failed')\n")
    with pytest.raises(UnavailableError, match="the proof failed"):
        package("ripeness", AT, project=blessed)
    with pytest.raises(UnavailableError, match="no version is packaged"):
        packaged_version(blessed, "ripeness")


@pytest.mark.slow
def test_the_shipped_service_proves_itself_when_it_is_built(blessed: Project) -> None:
    shipped = Path(__file__).parents[2] / "bentofiles" / "predictor"
    for name in ("service.py", "bentofile.yaml"):
        content = (shipped / name).read_text()
        (blessed.root / "bentofiles" / "predictor" / name).write_text(content)
    packaged = package("ripeness", AT, project=blessed)
    assert os.path.exists(bento_folder(blessed, "ripeness", packaged.version) / "bento.yaml")
