"""The shipped example in a temporary folder: its declarations, a small model, real days."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from perennial.declare.project import Project
from perennial.declare.settings import Settings

REPOSITORY = Path(__file__).parents[2]
FIRST, END = "2013-01-01", "2013-01-14"
MODEL = "flight_delay"


def copy_of_the_example(root: Path) -> Project:
    """A project with the shipped declarations and nothing that running wrote."""
    aside = shutil.ignore_patterns("lake", "__pycache__")
    for name in ("data", "feature_repo", "models", "bentofiles"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=aside, symlinks=True)
    return Project(root, Settings(project=None, mlflow_uri=None, ledger_url=None))


def with_a_small_model(project: Project) -> Project:
    """The same, with a model that learns and is judged on a few days: the engine is under test."""
    path = project.root / "models" / f"{MODEL}.yaml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    declared["train"]["stopping"] = {"days": 2, "rounds": 10, "max_rounds": 60}
    declared["train"]["parameters"]["lightgbm"]["learning_rate"] = 0.1
    declared["judge"] |= {"days": 6, "limits": {"roc_auc": 0.5}, "resamples": 100}
    declared["judge"]["baselines"] = [{"kind": "yesterday"}]
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    return project


def with_other_sources(project: Project, path: str) -> Project:
    """The same, with every source read from `path` (`{name}` in it is the source's)."""
    file = project.root / "data" / "__sources.yml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for table in document["sources"][0]["tables"]:
        table["config"]["meta"]["land"]["from"] = {"path": path.format(name=table["name"])}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return project
