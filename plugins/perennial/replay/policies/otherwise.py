"""A model declared a little otherwise, for one replay: `train.seed=8`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import yaml

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.reading import parse
from perennial.declare.strategies import Family
from perennial.declare.yaml_files import load_yaml


def otherwise(project: Project, name: str, changes: Sequence[str]) -> Model:
    """The model as its file declares it, with `path.to.field=value` put over it.

    Where parameters are declared by family, `train.parameters.x` is that of the learner's own.

    Raises DeclarationError for what could not be declared, as for any declaration, and ValueError
    for a change that is none.
    """
    declared = project.model(name)
    if not changes:
        return declared
    shown = f"models/{name}.yaml"
    content: dict[str, Any] = {"name": name, **load_yaml(project.root / shown, shown)}
    for change in changes:
        path, equals, value = change.partition("=")
        if not equals or not path:
            raise ValueError(f"a change must be path.to.field=value, got {change!r}")
        *above, last = _steps(path, content)
        place = content
        for step in above:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise ValueError(f"{change!r}: {step} has no fields of its own")
        place[last] = yaml.safe_load(value)
    return parse(Model, content, f"{shown}, changed for the replay")


def _steps(path: str, content: dict[str, Any]) -> list[str]:
    steps, families = path.split("."), get_args(Family)
    train = content.get("train") or {}
    given = train.get("parameters") or {}
    if steps[:2] == ["train", "parameters"] and len(steps) > 2 and steps[2] not in families:
        of_family = [train.get("learner", families[0])] if set(given) & set(families) else []
        return [*steps[:2], *of_family, *steps[2:]]
    return steps
