"""Opens the project's Feast repository, with everything that sends statistics switched off."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.declare.yaml_files import load_yaml
from perennial.errors import DeclarationError


def load() -> Any:
    """Import Feast, silent and without what nothing here needs; its `FeatureStore`."""
    os.environ.setdefault("FEAST_OPENLINEAGE_ENABLED", "false")
    logging.getLogger("feast.repo_config").setLevel(logging.ERROR)  # its doubts about a setting
    with warnings.catch_warnings(), _lean_import():
        warnings.simplefilter("ignore")  # third parties' deprecations while Feast is imported
        from feast import FeatureStore

    return FeatureStore


def open_store(project: Project) -> Any:
    """The project's `feast.FeatureStore`, as the settings' file in `feature_repo/` declares it."""
    FeatureStore = load()  # noqa: N806  # it is a class
    config = project.feature_repo / project.settings.feature_store
    if not config.is_file():
        raise DeclarationError([f"{project.shown(config)}: the file does not exist"])
    (project.var / "feast").mkdir(parents=True, exist_ok=True)
    load_yaml(config, project.shown(config))  # tells a syntax mistake with its line
    _must_be_set(config, project.shown(config))
    from feast.errors import FeastError
    from feast.repo_config import FeastConfigError

    try:
        return FeatureStore(repo_path=str(project.feature_repo), fs_yaml_file=config)
    except (FeastConfigError, FeastError, ValueError) as error:
        raise DeclarationError([f"{project.shown(config)}: {error}"]) from error


def _must_be_set(config: Path, where: str) -> None:
    """Feast leaves a variable that is not set as it is written, and then looks for such a host."""
    named = re.findall(r"\$\{(\w+)\}", config.read_text(encoding="utf-8"))
    unset = [name for name in named if not os.environ.get(name)]
    if unset:
        raise DeclarationError([f"{where}: the variable {name} is not set" for name in unset])


@contextlib.contextmanager
def _lean_import() -> Iterator[None]:
    """Let Feast be imported in one second of work instead of seven, and in 250 MB less.

    Feast imports torch when it can, for one method that nothing here calls; and it has typeguard
    write checks into its declarations' source code while they are imported.
    """
    import typeguard

    hidden = "torch" not in sys.modules
    checked = typeguard.typechecked
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]  # Python's way to say "not there"
    typeguard.typechecked = _unchecked
    try:
        yield
    finally:
        typeguard.typechecked = checked
        if hidden:
            del sys.modules["torch"]


def _unchecked(target: Any = None, **_: Any) -> Any:
    """Typeguard's decorator, with and without arguments, that changes nothing."""
    return target if target is not None else _unchecked


def register(project: Project) -> list[str]:
    """Apply all definitions of `feature_repo/` to the registry; returns the views' names.

    Twice is the same as once. Raises `DeclarationError` when a definition cannot be imported.
    """
    store = open_store(project)
    from feast.errors import FeastError
    from feast.repo_operations import apply_total_with_repo_instance, parse_repo

    with _imported_from(project.feature_repo), contextlib.redirect_stdout(io.StringIO()):
        try:
            contents = parse_repo(project.feature_repo)
        except Exception as error:  # the definitions are Python: they may raise anything
            raise DeclarationError([_told(project, error)]) from error
        try:
            with warnings.catch_warnings():  # its doubt is about speed in another offline store
                warnings.filterwarnings("ignore", "On demand feature view is an experimental")
                apply_total_with_repo_instance(store, store.project, store.registry, contents, True)
        except (FeastError, ValueError) as error:
            raise DeclarationError([_told(project, error)]) from error
    return sorted(view.name for view in contents.feature_views)


def _told(project: Project, error: Exception) -> str:
    """What went wrong, with the definitions' own file and line where there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [(Path(frame.filename), frame.lineno) for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((Path(error.filename), error.lineno))
    inside = [each for each in places if each[0].is_relative_to(project.feature_repo)]
    where = f"{project.shown(inside[-1][0])}: line {inside[-1][1]}" if inside else "feature_repo/"
    return f"{where}: {type(error).__name__}: {error}"


@contextlib.contextmanager
def _imported_from(repo: Path) -> Iterator[None]:
    """Let definitions import each other by file name, and forget them afterwards.

    Their names are top-level modules while Feast reads them; another project in the same process
    has files of the same names.
    """
    before = set(sys.modules)
    with contextlib.chdir(repo):
        sys.path.insert(0, str(repo))
        try:
            yield
        finally:
            sys.path.remove(str(repo))
            for name in set(sys.modules) - before:
                file = getattr(sys.modules[name], "__file__", None)
                if file and Path(file).is_relative_to(repo):
                    del sys.modules[name]
