"""Where a replay is kept: one folder for the same question, and in it one for each policy."""

from __future__ import annotations

import re
import shutil
from contextlib import AbstractContextManager
from datetime import date

from perennial.declare.decide import Decide
from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep import fingerprints, locks, partitions
from perennial.replay.policies.asked import Asked
from perennial.replay.policies.world import World
from perennial.train.labelled_rows import training_table

ENGINE = ("decide", "declare", "judge", "learn", "measure", "replay", "train", "watch")
"""Packages whose code decides what a replay finds: another version of them is another run."""


class Run:
    """All that is kept for one model, declared in one way, over the same rows and nights."""

    def __init__(self, project: Project, model: Model, start: date, end: date) -> None:
        self.project, self.model = project, model
        table = training_table(project, model)
        declared = model.model_dump(mode="json", exclude={"decide"})
        self.asks = {
            "model": declared, "start": str(start), "end": str(end),
            "engine": fingerprints.of_engine(*ENGINE),
            "rows": fingerprints.of_files(table, partitions.files_of(table, None, None)),
        }  # fmt: skip
        self.folder = project.var / "replay" / model.name / fingerprints.of_facts(self.asks)

    def alone(self, name: str) -> AbstractContextManager[None]:
        """Let one process at a time live one policy; another one waits, and finds it lived."""
        return locks.exclusive(self.folder.with_suffix(".locks"), name, wait_seconds=24 * 3600)

    def forget(self) -> None:
        """Remove all that was lived of this question."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def world(self, name: str, decide: Decide) -> World:
        """A world of its own in the folder `name`."""
        return World(self.project, self.folder / name, self.model, decide)

    def folder_of(self, asked: Asked, draw: int | None, decide: Decide) -> str:
        """The name of a policy's folder: what it is called, and a digest of what it declares."""
        told = {"decide": decide.model_dump(mode="json"), "strategy": asked.strategy,
                "window_days": asked.window_days}  # fmt: skip
        called = re.sub(r"[^a-z0-9]+", "-", asked.name.lower()).strip("-")
        drawn = "" if draw is None else f"-{draw}"
        return f"{called}{drawn}-{fingerprints.of_facts(told)}"

    def begin(self, first: World, world: World) -> None:
        """Let a policy's world begin with the first version, whole or not at all."""
        if world.var.exists():
            return
        aside = world.folder / "var.new"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(first.var, aside, ignore=shutil.ignore_patterns("locks"))
        aside.rename(world.var)
