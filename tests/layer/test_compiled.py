"""The marts' SQL in memory: compiled once, over tables that tests and events fill."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from perennial.errors import DeclarationError
from perennial.layer import dbt
from perennial.layer.compiled import Compiled, compile_project, fill, open_memory

from .harbour import EXTERNAL, Harbour, day


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Harbour:
    """Three days of ships, compiled."""
    made = Harbour(tmp_path_factory.mktemp("harbour"))
    for number in range(3):
        made.moor(day(number), ("Anna", 10.0 + number), ("Berta", 20.0))
    compile_project(made.project)
    return made


def test_a_source_and_a_relation_may_share_a_name(harbour: Harbour) -> None:
    made = compile_project(harbour.project)
    assert made.reads == {"ships": (), "stg_ships": (), "tonnes": ("stg_ships",),
                          "wrecks": ("stg_ships",)}  # fmt: skip
    assert all(made.sources_of(name) == {"ships"} for name in made.queries)


def test_only_what_is_needed_is_made_and_in_an_order_that_works() -> None:
    made = Compiled(
        queries={"a": "SELECT 1 AS x", "b": "FROM a", "c": "FROM b", "other": "FROM nowhere"},
        reads={"a": (), "b": ("a",), "c": ("b", "a"), "other": ()},
        sources={"a": (), "b": ("s",), "c": (), "other": ("t",)},
    )
    assert made.needed_for(["c"]) == ["a", "b", "c"]
    assert made.sources_of("c") == {"s"}
    assert made.needed_for([]) == []


def test_what_lies_in_the_lake_comes_out_as_the_mart_would_have_it(harbour: Harbour) -> None:
    memory = open_memory(harbour.project, compile_project(harbour.project), ["ships", "tonnes"])
    assert memory.execute("SELECT count(*) FROM ships").fetchone() == (0,)
    fill(harbour.project, memory, "ships", day(0), day(2))
    assert memory.execute("SELECT ship, tonnes FROM ships ORDER BY ALL").fetchall() == [
        ("Anna", 10.0),
        ("Anna", 11.0),
        ("Berta", 20.0),
        ("Berta", 20.0),
    ]
    assert memory.execute("SELECT day, tonnes FROM tonnes ORDER BY day").fetchall() == [
        (day(0), 30.0),
        (day(1), 31.0),
    ]


def test_open_ends_fill_all_and_a_period_without_days_nothing(harbour: Harbour) -> None:
    memory = open_memory(harbour.project, compile_project(harbour.project), ["ships"])
    fill(harbour.project, memory, "ships", date(2023, 1, 1), date(2023, 2, 1))
    assert memory.execute("SELECT count(*) FROM ships").fetchone() == (0,)
    fill(harbour.project, memory, "ships", None, None)
    assert memory.execute("SELECT count(*) FROM ships").fetchone() == (6,)


def test_a_relation_that_no_file_makes_is_told_with_the_nearest(harbour: Harbour) -> None:
    with pytest.raises(DeclarationError, match=r"no SQL file makes 'tones', did you mean \"tonnes"):
        open_memory(harbour.project, compile_project(harbour.project), ["tones"])


def test_it_is_compiled_anew_when_and_only_when_a_declaration_has_changed(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Any] = []
    run = dbt.run

    def counted(*given: Any) -> Any:
        runs.append(given)
        return run(*given)

    monkeypatch.setattr(dbt, "run", counted)
    before = compile_project(harbour.project)
    harbour.moor(day(5), ("Emil", 1.0))
    harbour.write("lake/notes.sql", "no declaration")
    assert compile_project(harbour.project) == before
    assert runs == []
    path = harbour.write("marts/wrecks.sql", EXTERNAL + "select 1 as one")
    assert "1 as one" in compile_project(harbour.project).queries["wrecks"]
    harbour.write("marts/wrecks.yml", "models: []")
    compile_project(harbour.project)
    path.unlink()
    assert "wrecks" not in compile_project(harbour.project).queries
    assert len(runs) == 3


def test_wrong_sql_is_told_and_what_was_compiled_before_does_not_stand_for_it(
    tmp_path: Path,
) -> None:
    made = Harbour(tmp_path)
    compile_project(made.project)
    made.write("marts/wrecks.sql", EXTERNAL + "select {{ nothing")
    for _ in range(2):
        with pytest.raises(DeclarationError, match=r"data/.*wrecks"):
            compile_project(made.project)
