"""Days of a table out of DVC: its cache, or the remote that the project declares."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from perennial.errors import UnavailableError
from perennial.keep import partitions


def days_out_of_dvc(
    root: Path, dvc_hash: str, is_wanted: Callable[[date], bool]
) -> dict[date, Path]:
    """The file in DVC's cache of each wanted day of the table with this hash.

    What the cache lacks is fetched from the declared remote. Raises UnavailableError, in words
    that fit into a longer message, when it is in neither.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    try:
        with closing(Repo(Repo.find_root(str(root)))) as repo:
            table = HashInfo("md5", dvc_hash)
            _fetch(repo, [table])
            found: dict[date, Any] = {}
            for key, _, hashed in Tree.load(repo.cache.local, table):
                day = _day_of(key)
                if day is not None and is_wanted(day):
                    found[day] = hashed
            _fetch(repo, list(found.values()))
            path = repo.cache.local.oid_to_path
            return {day: Path(path(hashed.value)) for day, hashed in sorted(found.items())}
    except (DvcException, ObjectFormatError, OSError) as error:
        raise UnavailableError(f"DVC has no {dvc_hash}: {error}") from error


def _fetch(repo: Any, objects: list[Any]) -> None:
    cache = repo.cache.local
    missing = [each for each in objects if not cache.exists(each.value)]
    if not missing:
        return
    remote = repo.config["core"].get("remote")
    if not remote:
        raise UnavailableError(
            f"DVC's cache lacks {_named(missing)}, and no remote is declared to fetch it from "
            "(.dvc/config: core.remote)"
        )
    repo.cloud.pull(missing)
    if still := [each for each in missing if not cache.exists(each.value)]:
        raise UnavailableError(f"neither DVC's cache nor its remote {remote} has {_named(still)}")


def _named(objects: list[Any]) -> str:
    more = f" and {len(objects) - 1} more" if len(objects) > 1 else ""
    return f"{objects[0].value}{more}"


def _day_of(key: tuple[str, ...]) -> date | None:
    """The day whose partition this is; None for any other file of a table."""
    try:
        folder, name = key
        return date.fromisoformat(folder.removeprefix("day=")) if name == partitions.FILE else None
    except ValueError:
        return None
