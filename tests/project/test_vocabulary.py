"""One vocabulary: the engine knows no word of the example, and every list of names agrees."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from perennial.cli import commands
from perennial.declare import reference, schemas
from perennial.declare.described import fields_of
from perennial.stages import STAGES

REPOSITORY = Path(__file__).parents[2]
PLUGINS = REPOSITORY / "plugins"

UNMISTAKABLE = (
    "flight", "airport", "airline", "aircraft", "airplane", "aeroplane", "aviation", "tailnum",
    "carrier", "departure", "departed", "arrival", "arrived", "arrives", "weather", "runway",
    "nyc", "new york", "newark", "laguardia", "delay",
)  # fmt: skip
"""Looked for anywhere, also inside of words."""

ORDINARY = {
    # time
    "clock", "date", "day", "days", "hour", "history", "late", "minute", "minutes", "moment",
    "moments", "month", "past", "period", "second", "since", "time", "timestamp", "timestamptz",
    "tz", "within", "year", "zone", "zones",
    # data, numbers, statistics
    "complete", "created", "degrees", "dir", "direction", "distance", "duration", "engine",
    "event", "id", "int", "integer", "known", "last", "local", "max", "mean", "model", "name",
    "number", "outcome", "outcomes", "point", "reading", "row", "rows", "share", "speed", "temp",
    "type", "metres",
    # serving: a route leads to a slot, a log has a destination (Feast's word), asyncio cancels,
    # and a browser tells the Origin of a request
    "route", "destination", "cancelled", "origin",
    # learning: answers are softened by a temperature, weeks recur
    "temperature", "weekday",
    # plain English
    "always", "at", "back", "built", "by", "is", "left", "moved", "n", "of", "one", "over", "per",
    "same", "spare", "under", "way",
}  # fmt: skip
"""Words of the example's names that any project may use, so that they prove nothing."""


OWN = {"event_timestamp", "created_timestamp", "n_rows", "is_late", "n_late"}
"""Names that the engine has of its own: the contract's columns, and rows that land late."""


def engine_files() -> list[Path]:
    """Everything of the engine that a person writes."""
    generated = re.compile(r"egg-info|__pycache__")
    files = [path for path in PLUGINS.rglob("*") if path.is_file()]
    return [path for path in files if not generated.search(str(path))]


def example_names() -> set[str]:
    """Names of the example's sources, columns, relations, entities, views, features, models."""
    sources = yaml.safe_load((REPOSITORY / "data" / "__sources.yml").read_text())["sources"]
    tables = [table for group in sources for table in group["tables"]]
    names = {table["name"] for table in tables}
    names |= {column["name"] for table in tables for column in table["columns"]}
    names |= {path.stem for path in (REPOSITORY / "models").glob("*.yaml")}
    for path in (REPOSITORY / "data").glob("*/*.sql"):
        names |= {path.stem, *re.findall(r"\bas ([a-z_][a-z0-9_]*)", path.read_text())}
    for path in (REPOSITORY / "feature_repo").glob("*.py"):
        names |= set(re.findall(r'name="([a-z_0-9]+)"', path.read_text()))
    return names


FOREIGN = re.compile(r"\b(max_)?retry_delay\b")
"""Names that another library gives: Airflow's parameters."""


def text_of(path: Path) -> str:
    """What a person wrote into a file of the engine, without other libraries' names."""
    return FOREIGN.sub("", path.read_text(encoding="utf-8"))


def words_of(text: str) -> set[str]:
    """The words of a text in lower case; `snake_case` and `CamelCase` are several."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", text)}


def test_the_example_s_names_are_found() -> None:
    # Without this an example that moved elsewhere would let the next two tests pass on nothing.
    names = example_names()
    assert {"tailnum", "flights", "flight_delay", "airport_weather", "carrier"} <= names
    assert len(names) > 100


def test_no_word_of_the_example_occurs_in_the_engine() -> None:
    words = {word for name in example_names() for word in words_of(name)} - ORDINARY
    found = {
        f"{path.relative_to(REPOSITORY)}: {word}"
        for path in engine_files()
        for word in words & words_of(text_of(path))
    }
    assert not found, sorted(found)


def test_no_unmistakable_word_occurs_in_the_engine_even_inside_of_words() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}: {word}"
        for path in engine_files()
        for word in UNMISTAKABLE
        if word in f"{path.name} {text_of(path)}".lower()
    ]
    assert not found, found


def test_no_name_of_the_example_is_a_name_in_the_engine() -> None:
    composed = [name for name in example_names() if "_" in name]
    text = "\n".join(path.read_text(encoding="utf-8") for path in engine_files())
    found = [name for name in composed if re.search(rf"\b{name}\b", text)]
    assert set(found) <= OWN, found


def test_dvc_has_the_stages_in_their_order() -> None:
    content = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())
    assert list(content["stages"]) == list(STAGES)


def test_readme_has_the_stages_in_their_order() -> None:
    sections = re.split(r"^#+ ", (REPOSITORY / "README.md").read_text(), flags=re.MULTILINE)
    about = [each for each in sections if "stages" in each.partition("\n")[0].lower()]
    assert len(about) == 1, "one heading of the README is about the stages"
    assert re.findall(r"^\| *`(\w+)` *\|", about[0], flags=re.MULTILINE) == list(STAGES)


@pytest.mark.parametrize("name", list(STAGES))
def test_a_stage_is_a_package_with_a_function_and_a_command_of_its_name(name: str) -> None:
    package = import_module(f"perennial.{name}")
    assert Path(str(package.__file__)).parent == PLUGINS / "perennial" / name
    parameters = inspect.signature(getattr(package, name)).parameters
    takes = {
        each: None if parameter.default is inspect.Parameter.empty else parameter.default
        for each, parameter in parameters.items()
        if each != "project"
    }
    declared = STAGES[name].takes
    assert list(takes) == list(declared)
    assert {each: declared[each] for each, default in takes.items() if default is not None} == {
        each: default for each, default in takes.items() if default is not None
    }
    assert name in commands.commands


@pytest.mark.parametrize("name", list(commands.commands))
def test_a_command_and_its_options_say_what_they_mean(name: str) -> None:
    command = commands.commands[name]
    assert command.help
    options = [each for each in command.params if isinstance(each, click.Option)]
    silent = [each.name for each in options if not each.help]
    assert not silent


@pytest.mark.parametrize("chapter", reference.CHAPTERS, ids=lambda chapter: chapter.kind.__name__)
def test_every_declared_field_is_described_and_in_the_reference(
    chapter: reference.Chapter,
) -> None:
    page = (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")
    section = page.split(f"## {chapter.title}\n")[1].split("\n## ")[0]
    fields = fields_of(chapter.kind)
    assert len(fields) >= len(chapter.kind.model_fields)
    assert not [each.path for each in fields if not each.meaning]
    assert not [each.path for each in fields if f"| `{each.path}` |" not in section]


def test_every_type_of_the_declarations_is_in_the_reference() -> None:
    from perennial.declare.frozen import Frozen

    def below(kind: type[Frozen]) -> Iterator[type[Frozen]]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    declared = {each.__name__ for each in below(Frozen) if ".declare." in each.__module__}
    shown = {chapter.kind.__name__ for chapter in reference.CHAPTERS}
    for chapter in reference.CHAPTERS:
        shown |= set(chapter.kind.model_json_schema().get("$defs", {}))
    # Trees are LightGBM's own parameters with its own bounds; its documentation tells them.
    assert declared - {"Trees"} == shown - {"Settings"}


def test_the_committed_reference_and_schemas_are_up_to_date(tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, ["schemas", "--to", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0
    made = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(made) == len(schemas.SCHEMAS) + 1
    for path in made:
        committed = REPOSITORY / "docs" / path.relative_to(tmp_path)
        assert committed.read_text() == path.read_text(), (
            f"{committed.relative_to(REPOSITORY)} is out of date: run `make schemas`"
        )
