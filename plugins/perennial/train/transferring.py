"""A candidate that starts from what another model has learned."""

from __future__ import annotations

from pathlib import Path

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.learn.contract import Evidence, Fitted, OnRound
from perennial.learn.loading import transfer_of
from perennial.train.champion import read_champion


def transfer(
    project: Project, model: Model, evidence: Evidence, on_round: OnRound, checkpoint: Path
) -> tuple[Fitted, str]:
    """What was learned, and `model:version` that it started from.

    Raises UnavailableError when nothing serves for the other model, DeclarationError when none is
    declared, there is none of that name, or it is of another family.
    """
    declared = model.train.transfer
    if declared is None:
        raise DeclarationError(
            [f"model {model.name}: strategy transfer needs train.transfer.model in its declaration"]
        )
    other = read_champion(project, project.model(declared.model))
    if other.learner.family != model.train.learner:
        raise DeclarationError(
            [
                f"model {model.name} learns as {model.train.learner} and cannot start from "
                f"{declared.model}, which serves as {other.learner.family} (train.transfer.model)"
            ]
        )
    go = transfer_of(model.train.learner)
    fitted = go(other.learner, evidence, model.task, model.train, on_round, checkpoint)
    return fitted, f"{declared.model}:{other.version}"
