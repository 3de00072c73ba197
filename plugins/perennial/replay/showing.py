"""What a person looks at: a model's metrics, what serves, answers with their reasons, addresses."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.judge import judged_report
from perennial.keep.journal import read
from perennial.keep.ledger import serving
from perennial.replay.client import GatewayClient

N_ANSWERS = 3


def show_model(project: Project, name: str) -> None:
    """Print it all; what does not run is said, not hidden."""
    model = project.model(name)
    console = Console()
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
    _addresses(project, model, console)


def _metrics(project: Project, model: Model, console: Console) -> None:
    judged = judged_report(project, model.name)
    if judged is None:
        console.print(f"{model.name} has not been judged yet.")
        return
    rivals = [(each.name, {m.name: m for m in each.metrics}) for each in judged.rivals]
    table = Table(title=f"{model.name} judged {judged.start} to {judged.end}: {judged.verdict}")
    for column in ("metric", "candidate", "interval", *(name for name, _ in rivals)):
        table.add_column(column)
    for metric in judged.metrics:
        others = [f"{values[metric.name].estimate:.4f}" for _, values in rivals]
        interval = f"{metric.low:.4f} to {metric.high:.4f}"
        table.add_row(metric.name, f"{metric.estimate:.4f}", interval, *others)
    console.print(table)
    for reason in judged.reasons:
        console.print(f"  {reason}")


def _answers(project: Project, model: Model, console: Console) -> None:
    """The last few journaled questions, asked again with their reasons."""
    entries = [
        entry.content
        for entry in read(project.var / "journal" / "predictions")
        if entry.content["model"] == model.name
    ][-N_ANSWERS:]
    client = GatewayClient(project)
    questions = [entry["request"] for entry in entries] or [_example(model)]
    for question in questions:
        asked = {key: value for key, value in question.items() if value is not None}
        answer = client.post(f"/explain/{model.name}", asked)
        label = f", {answer['label']}" if answer["label"] else f" {model.label.unit}"
        console.print(f"{' '.join(str(value) for value in asked.values())}")
        console.print(f"  {answer['score']:.3f}{label}", highlight=False)
        for reason in answer["reasons"]:
            console.print(f"    {_reason(reason)}", highlight=False)


def _reason(reason: dict[str, Any]) -> str:
    value = reason["value"]
    shown = f"{value:.4g}" if isinstance(value, float) else "missing" if value is None else value
    return f"{reason['contribution']:+.3f}  {reason['feature']} = {shown}"


def _example(model: Model) -> dict[str, Any]:
    return {field.name: field.example for field in model.request.fields}


def _addresses(project: Project, model: Model, console: Console) -> None:
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
    console.print(
        f"\nTry it:\ncurl -s {url}/predict -H 'Content-Type: application/json' -d '{body}'\n"
        "`make down` stops the servers.",
        highlight=False,
        soft_wrap=True,
    )
