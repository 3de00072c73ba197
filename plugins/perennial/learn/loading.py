"""Families by name, and a verified model out of its folder."""

from __future__ import annotations

import json
from pathlib import Path

from perennial.errors import IntegrityError
from perennial.learn.contract import Fit, Learner
from perennial.learn.version_files import VersionFiles, read

FEATURES = "features.json"
"""The file in which every family names itself, its task and its inputs."""


def load_model(folder: Path) -> Learner:
    """The model in `folder`, parsed from the very bytes whose digests were verified.

    Raises UnavailableError or IntegrityError (see `version_files.read`); nothing is parsed then.
    """
    return parse_model(read(folder))


def parse_model(version: VersionFiles) -> Learner:
    """The model that verified files hold."""
    try:
        family = str(json.loads(version.files[FEATURES])["family"])
    except (KeyError, ValueError, TypeError) as error:
        raise IntegrityError(f"{version.version}: {FEATURES} names no family") from error
    return learner_class(family).load(version.files)


def learner_class(family: str) -> type[Learner]:
    """The class of a family's learners."""
    if family == "lightgbm":
        from perennial.learn.lightgbm_learner import LightGBMLearner

        return LightGBMLearner
    raise ValueError(f"family must be lightgbm, got {family!r}")


def fit_of(family: str) -> Fit:
    """How a family learns."""
    if family == "lightgbm":
        from perennial.learn.lightgbm_fitting import fit

        return fit
    raise ValueError(f"family must be lightgbm, got {family!r}")
