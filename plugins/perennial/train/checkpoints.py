"""Where a training keeps what it needs to go on after it was killed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.fingerprints import of_bytes
from perennial.train.lineage import Lineage
from perennial.train.trained import Asked


@contextmanager
def checkpoint(
    project: Project, model: Model, asked: Asked, made_from: Lineage, parent: str | None = None
) -> Iterator[Path]:
    """The folder of this very training: the same data, code, declaration, night and parent.

    It outlives a killed training and is removed when one ends well; what another training left is
    removed at once, since nobody will ask for that one again.
    """
    told = f"{asked}\n{made_from.model_dump_json()}\n{model.train.model_dump_json()}\n{parent}"
    home = project.var / "models" / model.name / "checkpoints"
    folder = home / of_bytes(told.encode())[:16]
    for other in home.glob("*"):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(home)
