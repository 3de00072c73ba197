"""Runs dbt in this process, with its files below `var/` and its statistics off."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any, NoReturn

from perennial.declare.project import Project
from perennial.errors import DeclarationError, GateStoppedError, UnavailableError
from perennial.keep import full_disk
from perennial.keep.partitions import glob_of


def load() -> Any:
    """Import dbt, without its usage statistics; its `dbtRunner`."""
    os.environ.update(DO_NOT_TRACK="1", DBT_SEND_ANONYMOUS_USAGE_STATS="False")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third parties' deprecations while dbt is imported
        from dbt.cli.main import dbtRunner

        return dbtRunner


def run(project: Project, command: str, variables: dict[str, Any], *options: str) -> list[Any]:
    """dbt's results of `command` (build, compile, …), one per node.

    Raises `GateStoppedError` when a test of dbt failed and `DeclarationError` when the project or
    a query is wrong; both name every node at fault. Raises `UnavailableError` on a full disk.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third parties' deprecations while dbt runs
        data = project.root / "data"
        done = load()().invoke(
            [
                *("--log-level", "none", "--log-level-file", "info"),
                *("--log-path", str(project.var / "dbt" / "logs")),
                command,
                *("--project-dir", str(data), "--profiles-dir", str(data)),
                *("--target-path", str(project.var / "dbt" / "target")),
                *("--vars", json.dumps(variables)),
                *options,
            ]
        )
    if done.exception is not None:
        _raise(command, [("data/", str(done.exception))])
    results: list[Any] = list(getattr(done.result, "results", []))
    _raise_failures(command, results)
    return results


def raw_location(project: Project) -> str:
    """What dbt's var `raw` says: where sources are read, with `{name}` for the table."""
    pattern = glob_of(project.lake / "checked" / "raw" / "{name}")
    return f"read_parquet('{pattern}', hive_partitioning = false)"


def node_path(result: Any) -> Path:
    """The file that declares a node, relative to `data/`."""
    return Path(result.node.original_file_path)


def _raise_failures(command: str, results: list[Any]) -> None:
    broken = [each for each in results if str(each.status) == "error"]
    if broken:
        _raise(command, [(f"data/{node_path(each)}", each.message) for each in broken])
    failed = [each for each in results if str(each.status) == "fail"]
    if failed:
        lines = [
            f"data/{node_path(each)}: {each.node.name}: {_short(each.message)}" for each in failed
        ]
        raise GateStoppedError("\n".join(["dbt's own tests failed:", *lines]))


def _raise(command: str, wrong: list[tuple[str, str | None]]) -> NoReturn:
    """Raise what went wrong, each with its place; no declaration is at fault for a full disk."""
    lines = [f"{where}: dbt {command}: {_short(message)}" for where, message in wrong]
    if any(full_disk.is_told_in(message) for _, message in wrong):
        raise UnavailableError("\n".join(lines))
    raise DeclarationError(lines)


def _short(message: str | None) -> str:
    return " ".join((message or "no message").split())[:600]
