"""What a person looks at: a model's metrics, what serves, answers with their reasons, addresses."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.judge import Judged, report_file
from perennial.keep.journal import read
from perennial.keep.ledger import bento_folder, serving
from perennial.replay.client import GatewayClient

N_ANSWERS = 3
WIDTH = 120  # of tables that go into a file or a pipe


def show_model(project: Project, name: str) -> None:
    """Print it all; what does not run is said, not hidden."""
    model = project.model(name)
    console = Console(markup=False)  # what stands in brackets is data
    if not console.is_terminal:
        console = Console(width=WIDTH)
    _metrics(project, model, console)
    now = serving(project, name)
    if now is None:
        console.print(f"Nothing serves {name} yet.")
        return
    console.print(f"\n{name} {now.version} serves on slot {now.slot} since {now.since}.\n")
    try:
        _answers(project, model, console)
    except UnavailableError as error:
        console.print(str(error))
    _addresses(project, model, now.version, console)


def _metrics(project: Project, model: Model, console: Console) -> None:
    path = report_file(project, model.name)
    if not path.is_file():
        console.print(f"{model.name} has not been judged yet (no {project.shown(path)}).")
        return
    judged = Judged.model_validate_json(path.read_bytes())
    period = f"judged on {judged.judged_from} to {judged.judged_until} ({judged.n_rows} rows)"
    table = Table(title=f"{model.name} {judged.version}, {period}: {judged.verdict}")
    for column in ("metric", "candidate", "interval", *(each.name for each in judged.opponents)):
        table.add_column(column)
    for name, value in judged.metrics.items():
        others = [_number(each.metrics[name].opponent.estimate) for each in judged.opponents]
        interval = f"{_number(value.low)} to {_number(value.high)}"
        table.add_row(name, _number(value.estimate), interval, *others)
    console.print(table)
    for reason in judged.reasons:
        console.print(f"  {reason}", highlight=False, soft_wrap=True)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _answers(project: Project, model: Model, console: Console) -> None:
    """The last few journaled questions, asked again with their reasons."""
    entries = [
        entry.content
        for entry in read(project.var / "journal" / "predictions")
        if entry.content["model"] == model.name and entry.content.get("kind") == "answer"
    ][-N_ANSWERS:]
    client = GatewayClient(project)
    questions = [entry["request"] for entry in entries] or [_example(model)]
    for question in questions:
        asked = {key: value for key, value in question.items() if value is not None}
        answer = client.post(f"/explain/{model.name}", asked)
        known = " ".join(str(value) for value in asked.values())
        console.print(f"{known}: {_said(model, answer)}, because", soft_wrap=True)
        for reason in answer["reasons"]:
            console.print(f"    {_reason(reason)}", highlight=False, soft_wrap=True)


def _said(model: Model, answer: dict[str, Any]) -> str:
    if model.task == "binary":
        return f'{answer["score"]:.1%} {model.label.positive}, so "{answer["label"]}"'
    return f"{answer['score']:.4g} {model.label.unit}".strip()


def _reason(reason: dict[str, Any]) -> str:
    value = reason["value"]
    shown = f"{value:.4g}" if isinstance(value, float) else "missing" if value is None else value
    return f"{reason['contribution']:+.3f}  {reason['feature']} = {shown}"


def _example(model: Model) -> dict[str, Any]:
    return {field.name: field.example for field in model.request.fields}


def _addresses(project: Project, model: Model, version: str, console: Console) -> None:
    url = f"http://{project.settings.host}:{project.settings.gateway_port}"
    body = json.dumps(_example(model))
    for what, address in (
        ("ask", f"{url}/predict"),
        ("ask why", f"{url}/explain"),
        ("OpenAPI", f"{url}/openapi.json"),
        ("readiness", f"{url}/readyz"),
        ("metrics", f"{url}/metrics"),
    ):
        console.print(f"{what:<10} {address}", highlight=False)
    for what, path in (
        ("gates", project.var / "reports" / "data_docs" / "index.html"),
        ("card", bento_folder(project, model.name, version) / "src" / "MODEL_CARD.md"),
    ):
        if path.is_file():
            console.print(f"{what:<10} {project.shown(path)}", highlight=False, soft_wrap=True)
    console.print(
        f"\nTry it:\ncurl -s {url}/predict -H 'Content-Type: application/json' -d '{body}'\n"
        "`make down` stops the servers.",
        highlight=False,
        soft_wrap=True,
    )
