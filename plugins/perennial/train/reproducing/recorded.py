"""What a version tells of its own training, and how that is asked for again."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import ValidationError

from perennial.errors import UnavailableError
from perennial.learn.version_files import VersionFiles
from perennial.train.keeping import TRAINING
from perennial.train.lineage import Lineage


@dataclass(frozen=True)
class Recorded:
    """A training as the version's own files tell it."""

    model: str
    files: VersionFiles
    story: dict[str, Any]
    lineage: Lineage
    window: tuple[date, date]
    """The days `start <= day < end` that it knows of, its parent's included."""
    learned_from: date
    """The first day learned from in this very training."""

    @property
    def parent(self) -> tuple[str, str] | None:
        """The model and the version that it went on from."""
        named = self.story.get("parent")
        if not named:
            return None
        model, _, version = str(named).rpartition(":")
        return model or self.model, version

    @property
    def asked(self) -> dict[str, str]:
        """The arguments of `train` that ask for this very training.

        The way is asked for by its name, so that what is declared now does not decide; where
        several were tried, all are, as then.
        """
        story = self.story
        several = len(story.get("tried") or ()) > 1
        way = "stateful" if several else story.get("way") or story.get("strategy") or ""
        asked = {"model": self.model, "at": story["at"], "until": story["window_end"]}
        asked |= {"strategy": str(way)} if way else {}
        window = story.get("window_days")
        return asked | ({"window_days": str(window)} if window else {})

    @property
    def command(self) -> str:
        """The same as a line for a shell."""
        words = [
            word
            for name, value in self.asked.items()
            for word in (f"--{name.replace('_', '-')}", value)
        ]
        return shlex.join(["perennial", "train", *words])


def recorded(model: str, files: VersionFiles) -> Recorded:
    """The training of a version; UnavailableError when its files do not tell it."""
    try:
        story = json.loads(files.files[TRAINING])
        start, end = (date.fromisoformat(story[f"window_{each}"]) for each in ("start", "end"))
        learned_from = story.get("learned_from")
        return Recorded(
            model=model,
            files=files,
            story=story,
            lineage=Lineage.model_validate(story["lineage"]),
            window=(start, end),
            learned_from=date.fromisoformat(learned_from) if learned_from else start,
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise UnavailableError(
            f"model {model}: {files.version} cannot be made again, since its {TRAINING} does not "
            f"tell how it was made: {error!r}"
        ) from error
