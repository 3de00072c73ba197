"""One version in the registry, found by any of its names, and its files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perennial.declare.project import Project
from perennial.errors import IntegrityError, UnavailableError
from perennial.learn import version_files
from perennial.learn.version_files import VersionFiles
from perennial.train.registry import DIGEST, VERSION

if TYPE_CHECKING:
    from perennial.train.registry import Registry

TRAINED = "perennial.trained"
"""The tag of another form of a version, with the digest of what was trained."""
LISTED = 20


@dataclass(frozen=True)
class Registered:
    """A version as the registry knows it."""

    model: str
    number: int
    digest: str
    run_id: str
    aliases: tuple[str, ...]
    trained: str | None
    """The digest of what was trained, where this is another form of it."""

    @property
    def version(self) -> str:
        """Its name: the digest's first twelve digits."""
        return self.digest[:12]


def open_registry(project: Project) -> Registry:
    """The project's registry; UnavailableError where nothing was ever registered."""
    from perennial.train.registry import Registry

    database = project.var / "mlflow" / "mlflow.db"
    if project.settings.mlflow_uri is None and not database.is_file():
        raise UnavailableError(
            f"nothing was ever registered: there is no {project.shown(database)} (PERENNIAL_MLFLOW_"
            "URI names no other registry either)"
        )
    return Registry(project)


def find(registry: Registry, model: str, name: str) -> Registered:
    """The version with this number, alias, name (twelve digits) or digest.

    Raises UnavailableError, with what is registered, when there is none.
    """
    known = _all(registry, model)
    for each in known:
        if name in (each.digest, each.version, str(each.number), *each.aliases):
            return each
    listed = ", ".join(
        f"{each.number} ({each.version}{''.join(f', {alias}' for alias in each.aliases)})"
        for each in known[-LISTED:]
    )
    more = f"the newest {LISTED} of {len(known)} are " if len(known) > LISTED else ""
    raise UnavailableError(
        f"model {model}: no registered version is {name!r}; give a number, an alias, the twelve "
        f"digits or the whole digest (registered: {more}{listed or 'none'})"
    )


def fetch(registry: Registry, version: Registered, folder: Path) -> VersionFiles:
    """Its files out of the registry, verified; `folder` is new and holds a copy of them.

    Raises UnavailableError when the registry has lost them, IntegrityError when a byte differs.
    """
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    folder.mkdir(parents=True)
    try:
        with registry.answering():
            registry.client.download_artifacts(version.run_id, "model", str(folder))
    except OSError as error:
        raise UnavailableError(
            f"model {version.model}: the registry has no files of version {version.number} "
            f"({version.version}) any more: {error}"
        ) from error
    files = version_files.read(folder / "model")
    if files.digest != version.digest:
        raise IntegrityError(
            f"model {version.model}: version {version.number} is registered as {version.digest}, "
            f"but its files are {files.digest}"
        )
    return files


def _all(registry: Registry, model: str) -> list[Registered]:
    """All registered versions of a model, the oldest first."""
    with registry.answering():
        home = registry.client.search_registered_models(f"name = '{_quoted(model)}'")
        found = registry.client.search_model_versions(f"name = '{_quoted(model)}'")
    aliases = dict(home[0].aliases) if home else {}
    versions = [
        Registered(
            model=model,
            number=int(each.version),
            digest=each.tags[DIGEST],
            run_id=str(each.run_id),
            aliases=tuple(sorted(a for a, to in aliases.items() if str(to) == str(each.version))),
            trained=each.tags.get(TRAINED),
        )
        for each in found
        if {DIGEST, VERSION} <= each.tags.keys()
    ]
    return sorted(versions, key=lambda each: each.number)


def _quoted(name: str) -> str:
    if not all(each.isalnum() or each in "_-." for each in name):
        raise UnavailableError(f"no model can be called {name!r}")
    return name
