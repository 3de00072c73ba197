"""The marts' own SQL, compiled by dbt so that it reads tables in memory instead of the lake."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.declare.reading import nearest
from perennial.errors import DeclarationError
from perennial.keep import locks
from perennial.keep.engine import connect
from perennial.keep.files import replace_text
from perennial.keep.fingerprints import of_bytes, of_files
from perennial.keep.partitions import files_of
from perennial.layer import dbt

EVER = {"start": "1900-01-01", "end": "2200-01-01"}
"""The period of the compiled SQL: what is in memory bounds it, not a date."""


@dataclass(frozen=True)
class Compiled:
    """Per relation its query and what it reads, in an order in which they can be created."""

    queries: dict[str, str]
    reads: dict[str, tuple[str, ...]]
    """The relations that a relation reads directly."""
    sources: dict[str, tuple[str, ...]]
    """The sources that a relation reads directly (a source and a relation may share a name)."""

    def sources_of(self, relation: str) -> set[str]:
        """The sources that `relation` reads, directly or through others."""
        return {name for each in self.needed_for([relation]) for name in self.sources[each]}

    def needed_for(self, relations: list[str]) -> list[str]:
        """The relations that `relations` are made of, themselves included, in order."""
        wanted: set[str] = set()
        pending = list(relations)
        while pending:
            name = pending.pop()
            if name in self.queries and name not in wanted:
                wanted.add(name)
                pending += self.reads[name]
        return [name for name in self.queries if name in wanted]


def compile_project(project: Project) -> Compiled:
    """Compile every model of the dbt project; kept below `var/` until an SQL file changes."""
    data = project.root / "data"
    variables = {**EVER, "raw": "(select * from raw_{name})", "out": str(project.var / "dbt")}
    by = f"{of_files(data, _declared(data))} {variables} dbt-duckdb {version('dbt-duckdb')}"
    digest = of_bytes(by.encode())
    kept = project.var / "dbt" / "compiled.json"
    if kept.is_file():
        content = json.loads(kept.read_text(encoding="utf-8"))
        if content["digest"] == digest:
            return _from_json(content)
    with locks.exclusive(project.var / "locks", "layer", wait_seconds=300):  # dbt's own files
        results = dbt.run(project, "compile", variables)
    compiled = [_node(each.node) for each in results if each.node.resource_type == "model"]
    content = {"digest": digest, "nodes": compiled}
    replace_text(kept, json.dumps(content, indent=1))
    return _from_json(content)


def open_memory(project: Project, compiled: Compiled, relations: list[str]) -> Any:
    """A DuckDB connection with an empty table per source and a view per needed relation."""
    _must_exist(compiled, relations)
    connection = connect(threads=1)
    sources = {name for each in relations for name in compiled.sources_of(each)}
    for name in sorted(sources):
        columns = ", ".join(
            f'"{each.name}" {each.data_type}' for each in project.source(name).columns
        )
        connection.execute(f"CREATE TABLE raw_{name} ({columns})")
    for name in compiled.needed_for(relations):
        connection.execute(f'CREATE VIEW "{name}" AS {compiled.queries[name]}')
    return connection


def fill(project: Project, memory: Any, source: str, start: date | None, end: date | None) -> None:
    """Put the checked rows of `start <= day < end` into a source's table in memory.

    A static source has one day for good: it always comes whole.
    """
    declared = project.source(source)
    if declared.land.static_from is not None:
        start = end = None
    table = project.lake / "checked" / "raw" / source
    files = [str(path) for path in files_of(table, start, end)]
    if files:
        names = ", ".join(f'"{column.name}"' for column in declared.columns)
        memory.execute(
            f"INSERT INTO raw_{source} SELECT {names} "
            f"FROM read_parquet({files}, hive_partitioning = false)"
        )


def _must_exist(compiled: Compiled, relations: list[str]) -> None:
    known = compiled.queries
    mistakes = [
        f"data/: no SQL file makes {name!r}{nearest(name, known)}, which land.events.from or a "
        f"fresh view names (there are: {', '.join(sorted(known)) or 'none'})"
        for name in relations
        if name not in known
    ]
    if mistakes:
        raise DeclarationError(mistakes)


def _node(node: Any) -> dict[str, Any]:
    parents = [str(each).split(".") for each in node.depends_on.nodes]
    return {
        "name": node.name,
        "query": node.compiled_code,
        "reads": [each[-1] for each in parents if each[0] == "model"],
        "sources": [each[-1] for each in parents if each[0] == "source"],
    }


def _from_json(content: dict[str, Any]) -> Compiled:
    nodes = {each["name"]: each for each in content["nodes"]}
    ordered: list[str] = []

    def place(name: str) -> None:
        if name in nodes and name not in ordered:
            for each in nodes[name]["reads"]:
                place(each)
            ordered.append(name)

    for name in sorted(nodes):
        place(name)
    return Compiled(
        queries={name: nodes[name]["query"] for name in ordered},
        reads={name: tuple(nodes[name]["reads"]) for name in ordered},
        sources={name: tuple(nodes[name]["sources"]) for name in ordered},
    )


def _declared(data: Path) -> list[Path]:
    """The files that decide what is compiled; the lake is not looked into."""
    inside = [each for each in data.iterdir() if each.name not in ("lake", "expectations")]
    files = [path for each in inside for path in (each, *each.rglob("*"))]
    return [path for path in files if path.suffix in (".sql", ".yml", ".yaml")]
