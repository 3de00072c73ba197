"""What was learned becomes the candidate: files, plots, and a version in the registry."""

from __future__ import annotations

from typing import Any

import orjson

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep import files
from perennial.learn.contract import Curve
from perennial.train.candidate import replace_candidate
from perennial.train.champion import STATE
from perennial.train.lineage import installed
from perennial.train.trained import Asked, Learned, Trained

TRAINING, PACKAGES = "training.json", "packages.txt"
CURVE_POINTS = 200


def keep(project: Project, model: Model, asked: Asked, learned: Learned) -> Trained:
    """Make it the candidate (whole or not at all) and register it; the report."""
    from perennial.train.registry import Registry

    fitted = learned.fitted
    report = _report(model, asked, learned)
    answering = fitted.learner.save()
    story = {**report, "learning_curve": _points(fitted.curve)}
    written = orjson.dumps(story, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    state = {f"{STATE}{name}": content for name, content in learned.state.items()}
    told = {TRAINING: written, PACKAGES: "".join(f"{each}\n" for each in installed()).encode()}
    digest = replace_candidate(project, model.name, answering, {**told, **state})
    _plots(project, model.name, fitted.curve, report["importance"])
    trained = Trained(**report, version=digest[:12], digest=digest)
    number = Registry(project).register(trained, fitted.curve)
    return trained.model_copy(update={"registered_as": number})


def _report(model: Model, asked: Asked, learned: Learned) -> dict[str, Any]:
    rows, fitted = learned.rows, learned.fitted
    return {
        "model": model.name,
        "at": asked.at,
        "strategy": asked.strategy,
        "way": learned.way,
        "n_updates": learned.n_updates,
        "parent": learned.parent,
        "tried": [each.model_dump() for each in learned.tried],
        "why": learned.why,
        "window_start": learned.window_start,
        "window_end": asked.until,
        "learned_from": rows.start,
        "window_days": asked.window_days,
        "n_rows": rows.n_rows,
        "n_unlabelled": rows.n_unlabelled,
        "n_not_yet_known": rows.n_not_yet_known,
        "mean_label": rows.mean_label,
        "n_features": len(fitted.learner.features),
        "n_rounds": fitted.n_rounds,
        "is_stopped_early": fitted.is_stopped_early,
        "validation_metric": fitted.curve.metric,
        "validation_loss": fitted.validation_loss,
        "seed": model.train.seed,
        "parameters": model.train.parameters,
        "importance": fitted.learner.importance(),
        "lineage": learned.made_from.model_dump(),
    }


def _points(curve: Curve) -> list[dict[str, float | int]]:
    """The learning curve, thinned to some 200 rounds, the last one among them."""
    n = len(curve.validation)
    rounds = sorted({*range(0, n, max(1, n // CURVE_POINTS)), n - 1})
    return [
        {
            "round": each + 1,
            "training": curve.training[each],
            "validation": curve.validation[each],
        }
        for each in rounds
    ]


def _plots(project: Project, model: str, curve: Curve, importance: dict[str, float]) -> None:
    folder = project.var / "reports" / "plots" / model
    shares = sorted(importance.items(), key=lambda each: (-each[1], each[0]))
    ranked = [{"feature": name, "share": share} for name, share in shares]
    for name, records in (("learning_curve", _points(curve)), ("importance", ranked)):
        text = orjson.dumps(records, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        files.replace_text(folder / f"{name}.json", text.decode())
