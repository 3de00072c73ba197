from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from perennial.errors import UnavailableError
from perennial.learn.contract import Curve
from perennial.train import Trained, train
from perennial.train.candidate import replace_candidate, replace_form
from perennial.train.lineage import Lineage, dvc_hash
from perennial.train.registry import Registry, set_champion

CURVE = Curve("binary_logloss", (0.6, 0.5), (0.7, 0.6))


def trained(digest: str) -> Trained:
    return Trained(
        model="ripeness", at=date(2024, 1, 21), version=digest[:12], digest=digest,
        window_start=date(2024, 1, 1), window_end=date(2024, 1, 21), n_rows=10, n_unlabelled=0,
        n_not_yet_known=0, mean_label=0.5, n_features=1, n_rounds=2, is_stopped_early=True,
        validation_metric="binary_logloss", validation_loss=0.6, seed=7,
        parameters={"num_leaves": 7}, importance={"x": 1.0},
        lineage=Lineage(data_hash="d", dvc_hash=None, code_version="c", environment="e"),
    )  # fmt: skip


@pytest.mark.slow
def test_a_digest_is_registered_once_and_found_again(
    make_project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = make_project(n_days=1)
    registry = Registry(project)
    digests = [
        replace_candidate(project, "ripeness", {"model.txt": each}, {}) for each in (b"a", b"b")
    ]
    first, second = (trained(digest) for digest in digests)
    assert registry.find("ripeness", first.digest) is None
    assert [registry.register(each, CURVE) for each in (first, second, first)] == [1, 2, 1]
    assert registry.digest_of("ripeness", "candidate") == first.digest
    assert registry.digest_of("ripeness", "champion") is None
    assert registry.set_alias("ripeness", "champion", second.digest) == 2
    assert registry.digest_of("ripeness", "champion") == second.digest
    assert set_champion(project, "ripeness", first.version) == 1
    assert registry.digest_of("ripeness", "champion") == first.digest
    assert registry.digest_of("unheard_of", "champion") is None
    with pytest.raises(UnavailableError, match="no registered version is 000000000000"):
        registry.set_alias("ripeness", "champion", "0" * 64)
    _run_tells_everything(registry, first)
    _killed_run_is_closed(registry, project)
    _form_is_a_version_of_its_own(registry, project, first)
    assert not (tmp_path / "mlruns").exists()


def _form_is_a_version_of_its_own(registry: Registry, project: Any, first: Trained) -> None:
    form = replace_form(project, "ripeness", {"model.txt": b"form"}, {})
    for _ in range(2):
        number = registry.register_form("ripeness", form, first.digest, {"variant": "compiled"})
        assert registry.digest_of("ripeness", "candidate") == form
    tags = registry.client.get_model_version("ripeness", str(number)).tags
    assert tags["perennial.trained"] == first.digest
    assert tags["perennial.variant"] == "compiled"
    assert tags["perennial.data_hash"] == "d"
    assert set_champion(project, "ripeness", form[:12]) == number
    assert set_champion(project, "ripeness", first.version) == 1


def _run_tells_everything(registry: Registry, first: Trained) -> None:
    version = registry.client.get_model_version("ripeness", "1")
    run = registry.client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"num_leaves": "7", "strategy": "stateless"}
    assert run.data.metrics["final_validation_binary_logloss"] == 0.6
    assert run.data.tags["perennial.digest"] == first.digest
    wanted = {"data_hash": "d", "code_version": "c", "environment": "e", "seed": "7"}
    assert {name: run.data.tags[f"perennial.{name}"] for name in wanted} == wanted
    files = registry.client.list_artifacts(version.run_id, "model")
    assert sorted(each.path for each in files) == ["model/manifest.json", "model/model.txt"]


def _killed_run_is_closed(registry: Registry, project: Any) -> None:
    digest = replace_candidate(project, "ripeness", {"model.txt": b"c"}, {})
    experiment = registry.client.get_experiment_by_name("ripeness").experiment_id
    dead = registry.client.create_run(experiment, tags={"perennial.digest": digest})
    assert registry.register(trained(digest), CURVE) == 3
    assert registry.client.get_run(dead.info.run_id).info.status == "KILLED"


@pytest.mark.slow
def test_training_twice_registers_one_version(make_project: Any) -> None:
    project = make_project()
    first = train("ripeness", "2024-01-21", project=project)
    assert first.registered_as == 1
    assert train("ripeness", "2024-01-21", project=project) == first
    later = train("ripeness", "2024-01-25", project=project)
    assert later.registered_as == 2
    assert Registry(project).digest_of("ripeness", "candidate") == later.digest


def test_dvc_hash_is_found_where_the_lock_names_the_table(tmp_path: Path) -> None:
    assert dvc_hash(tmp_path, "data/lake/training/m") is None
    (tmp_path / "dvc.lock").write_text(
        "stages: {features: {outs: [{path: data/lake/training/m, md5: abc.dir}]}}"
    )
    assert dvc_hash(tmp_path, "data/lake/training/m") == "abc.dir"
    assert dvc_hash(tmp_path, "data/lake/training/other") is None
