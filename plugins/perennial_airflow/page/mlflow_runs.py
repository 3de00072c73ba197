"""The MLflow run behind a version, found without importing MLflow (seconds, in a web server)."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from perennial.declare.project import Project
from perennial.train.registry import VERSION

SECONDS = 2.0

QUERY = """
select v.run_id, v.version from model_versions v
join model_version_tags t on t.name = v.name and t.version = v.version
where t.name = :model and t.key = :key and t.value = :version
order by v.version limit 1
"""


@dataclass(frozen=True)
class Run:
    """The run that made a version."""

    run_id: str
    number: int
    """The version's number in the registry."""
    address: str | None
    """Where a browser finds it; None when no MLflow server is configured."""


def run_of(project: Project, model: str, version: str) -> Run | None:
    """The run of a version by its name (twelve digits); None when it is not to be found."""
    uri = project.settings.mlflow_uri
    file = project.var / "mlflow" / "mlflow.db"
    if uri is None and not file.is_file():
        return None  # asking for it would make an empty database
    try:
        return _found(uri or f"sqlite:///{file}", model, version)
    except (SQLAlchemyError, OSError, ValueError, LookupError):
        return None


@lru_cache(maxsize=256)
def _found(uri: str, model: str, version: str) -> Run:
    """A version never changes its run, so what was found is kept; LookupError when nothing is."""
    return _asked(uri, model, version) if uri.startswith("http") else _read(uri, model, version)


def _read(uri: str, model: str, version: str) -> Run:
    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            named = {"model": model, "key": VERSION, "version": version}
            row = connection.execute(text(QUERY), named).first()
    finally:
        engine.dispose()
    if row is None:
        raise LookupError(version)
    return Run(str(row.run_id), int(row.version), None)


def _asked(uri: str, model: str, version: str) -> Run:
    wanted = urllib.parse.quote(f"name = '{model}' and tag.`{VERSION}` = '{version}'")
    uri = uri.rstrip("/")
    asked = f"{uri}/api/2.0/mlflow/model-versions/search?filter={wanted}"
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310 - http(s) only
        found: list[dict[str, Any]] = json.load(answer).get("model_versions", [])
    if not found:
        raise LookupError(version)
    first = min(found, key=lambda each: int(each["version"]))
    number = int(first["version"])
    page = f"{uri}/#/models/{urllib.parse.quote(model)}/versions/{number}"
    return Run(str(first["run_id"]), number, page)
