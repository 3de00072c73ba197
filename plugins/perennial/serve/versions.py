"""The declarations by which each version is asked: those in force when it came."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.features.online import OnlineFeatures
from perennial.serve.questions import QuestionParser

logger = logging.getLogger(__name__)

MOST_KEPT = 4
"""The champion's, the challenger's, and those to which a rollback returns."""


@dataclass
class Declared:
    """A model's declarations of one moment, ready to be used."""

    model: Model
    parser: QuestionParser = field(init=False)
    features: OnlineFeatures
    max_rows: int | None = None
    """Of one request to the gateway; the model's own `serve.max_batch` may be fewer."""

    def __post_init__(self) -> None:
        self.parser = QuestionParser(self.model, self.max_rows)


class Versions:
    """What is declared for each version that answers.

    A new version may need other fields and features than the one before. So the declarations are
    read again when one appears, and the one before keeps its own. Declarations that cannot be read
    leave the last good ones in force, and the log says so.
    """

    def __init__(self, project: Project, model: Model) -> None:
        self._project = project
        self._max_rows = project.gateway.max_rows
        self.last = Declared(model, OnlineFeatures(project, model), self._max_rows)
        self._of: dict[str, Declared] = {}
        self._serving: str | None = None
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def champion(self, version: str) -> Declared:
        """The declarations of the version that answers, read first when it is a new one."""
        if version not in self._of:
            if self._of:
                await self._read(version)
            else:
                self._of[version] = self.last
        self._serving, self.last = version, self._of[version]
        return self.last

    def challenger(self, version: str) -> Declared | None:
        """The declarations of a version beside the champion; None while they are being read."""
        if version not in self._of and version not in self._reading:
            self._start(version)
        return self._of.get(version)

    def has(self, version: str, declared: Declared) -> bool:
        """Whether a version is still asked by these declarations."""
        return self._of.get(version) is declared

    async def _read(self, version: str) -> None:
        await asyncio.shield(self._reading.get(version) or self._start(version))

    def _start(self, version: str) -> asyncio.Task[None]:
        self._reading[version] = asyncio.create_task(self._keep(version))
        return self._reading[version]

    async def _keep(self, version: str) -> None:
        try:
            read = await asyncio.to_thread(self._declared)
        except Exception:  # whatever is wrong with new declarations, the old ones go on
            name = self.last.model.name
            logger.exception("declarations of %s not read, the last ones stay", name)
            read = self.last
        self._of[version] = read
        del self._reading[version]
        if len(self._of) > MOST_KEPT:
            del self._of[next(each for each in self._of if each != self._serving)]

    def _declared(self) -> Declared:
        project = Project(self._project.root, self._project.settings)
        model = project.model(self.last.model.name)
        features = OnlineFeatures(project, model)
        for known in self._of.values():
            if features.is_same(known.features):
                return Declared(
                    model, known.features, self._max_rows
                )  # what is looked up for one serves both
        return Declared(model, features, self._max_rows)
