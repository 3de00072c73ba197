"""The reference of every declared field and setting, as Markdown tables out of the types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from perennial.declare.described import fields_of
from perennial.declare.gates import Gate
from perennial.declare.gateway import Gateway
from perennial.declare.model import Model
from perennial.declare.settings import Settings
from perennial.declare.simulation import Simulation
from perennial.declare.sources import Source
from perennial.declare.torch_parameters import Network


@dataclass(frozen=True)
class Chapter:
    """One kind of declaration: where it stands, and the type that it is read into."""

    title: str
    opening: str
    kind: type[BaseModel]


CHAPTERS = (
    Chapter(
        "Sources: `data/__sources.yml`",
        "One table each, in dbt's own form: `land` stands in the table's `config.meta`, and a "
        "column is not `nullable` when its `constraints` have `{type: not_null}`.",
        Source,
    ),
    Chapter(
        "Gates: `data/expectations/<layer>/<table>.yaml`",
        "One file per table of the layers `raw` and `marts`.",
        Gate,
    ),
    Chapter(
        "Models: `models/<name>.yaml`",
        "One file per model. `name` is the file's name and is not written into it.",
        Model,
    ),
    Chapter(
        "Networks: `train.parameters` of the learner `torch`",
        "The parameters of the learner `lightgbm` have LightGBM's own names.",
        Network,
    ),
    Chapter(
        "Gateway: `bentofiles/gateway.yaml`",
        "One file; what it leaves out has the default.",
        Gateway,
    ),
    Chapter(
        "Rehearsals: `data/simulations/<name>.yaml`",
        "One file per rehearsal, in force only where `PERENNIAL_SIMULATIONS` names it.",
        Simulation,
    ),
    Chapter(
        "Settings: the environment",
        "What differs from machine to machine: `gateway_port` is `PERENNIAL_GATEWAY_PORT`.",
        Settings,
    ),
)


def chapters() -> str:
    """All chapters as Markdown; the same as long as the types are."""
    return "\n".join(_chapter(each) for each in CHAPTERS)


def table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table.

    >>> print(table(("a", "b"), [("1", "x | y")]))
    | a | b |
    |---|---|
    | 1 | x \\| y |
    """
    cells = [[each.replace("|", "\\|") for each in row] for row in (heading, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(heading), *lines[1:]])


def _chapter(chapter: Chapter) -> str:
    rows = [
        (f"`{each.path}`", each.accepts, each.default, each.meaning)
        for each in fields_of(chapter.kind)
    ]
    fields = table(("field", "accepts", "default", "meaning"), rows)
    return f"## {chapter.title}\n\n{chapter.opening}\n\n{fields}\n"
