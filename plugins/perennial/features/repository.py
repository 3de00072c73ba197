"""Opens the project's Feast repository, with everything that sends statistics switched off."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.errors import DeclarationError


def open_store(project: Project) -> Any:
    """The project's `feast.FeatureStore`, as `feature_repo/feature_store.yaml` declares it."""
    os.environ.setdefault("FEAST_USAGE", "False")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third parties' deprecations while Feast is imported
        from feast import FeatureStore

    config = project.feature_repo / "feature_store.yaml"
    if not config.is_file():
        raise DeclarationError([f"{project.shown(config)}: the file does not exist"])
    (project.var / "feast").mkdir(parents=True, exist_ok=True)
    return FeatureStore(repo_path=str(project.feature_repo))


def register(project: Project) -> list[str]:
    """Apply all definitions of `feature_repo/` to the registry; returns the views' names.

    Twice is the same as once.
    """
    from feast.repo_operations import apply_total_with_repo_instance, parse_repo

    store = open_store(project)
    repo = Path(store.repo_path)
    contents = parse_repo(repo)
    apply_total_with_repo_instance(store, store.project, store.registry, contents, True)
    return sorted(view.name for view in contents.feature_views)
