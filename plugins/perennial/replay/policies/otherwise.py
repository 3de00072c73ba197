"""A model declared a little otherwise, for one replay: `train.seed=8`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.reading import parse


def otherwise(project: Project, name: str, changes: Sequence[str]) -> Model:
    """The model as it is declared, with `path.to.field=value` put over it.

    Raises DeclarationError for what could not be declared, as for any declaration, and ValueError
    for a change that is none.
    """
    declared = project.model(name)
    if not changes:
        return declared
    content: dict[str, Any] = declared.model_dump(mode="json", exclude_unset=True, by_alias=True)
    for change in changes:
        path, equals, value = change.partition("=")
        if not equals or not path:
            raise ValueError(f"a change must be path.to.field=value, got {change!r}")
        *above, last = path.split(".")
        place = content
        for step in above:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise ValueError(f"{change!r}: {step} has no fields of its own")
        place[last] = yaml.safe_load(value)
    return parse(Model, content, f"models/{name}.yaml, changed for the replay")
