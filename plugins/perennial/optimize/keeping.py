"""What was trained, and the form that takes the candidate's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.learn.loading import parse_model
from perennial.learn.version_files import VersionFiles
from perennial.optimize.optimized import OPTIMIZED, Optimized
from perennial.train.candidate import (
    read_candidate,
    read_trained,
    replace_candidate,
    replace_form,
)


@dataclass(frozen=True)
class Begun:
    """What an optimization begins with."""

    trained: VersionFiles
    """The candidate as it was trained."""
    known: Optimized | None
    """The report that the candidate carries, where it was optimized and works on this machine."""
    is_original: bool
    """Whether the candidate is what was trained, with no report beside it."""


def begin(project: Project, model: str) -> Begun:
    """Read the candidate, and what was trained where it has taken another form.

    Raises UnavailableError when there is neither, or they do not belong together.
    """
    try:
        candidate = read_candidate(project, model)
    except UnavailableError:
        return Begun(read_trained(project, model), None, is_original=False)
    if OPTIMIZED not in candidate.files:
        return Begun(candidate, None, is_original=True)
    trained = read_trained(project, model)
    known = _known(candidate)
    if known is not None and known.trained != trained.digest:
        raise UnavailableError(
            f"model {model}: the candidate is a form of {known.trained[:12]}, but what was trained "
            f"last is {trained.version}, whose training did not come to its end: run train again"
        )
    return Begun(trained, known if _works_here(candidate) else None, is_original=False)


def keep_original(project: Project, model: str, begun: Begun) -> None:
    """Make what was trained the candidate again, without a report beside it."""
    if not begun.is_original:
        replace_candidate(project, model, begun.trained.answering, begun.trained.beside)


def keep_form(
    project: Project, begun: Begun, report: Optimized, files: Mapping[str, bytes]
) -> None:
    """Make a form the candidate (whole or not at all), the report beside it.

    `files` are the form's; where there are none it is the original. What was trained stays.
    """
    trained, model = begun.trained, report.model
    if not _is_kept(project, model, trained):
        replace_candidate(project, model, trained.answering, trained.beside)
    told = (report.model_dump_json(indent=2) + "\n").encode()
    beside = {**trained.beside, OPTIMIZED: told}
    replace_form(project, model, files or trained.answering, beside)


def register(project: Project, report: Optimized) -> None:
    """Record the form as a version of its own; one that is registered stays as it is."""
    from perennial.train.registry import Registry

    if report.digest != report.trained:
        facts = {"variant": report.chosen, "variant_why": report.why}
        Registry(project).register_form(report.model, report.digest, report.trained, facts)


def _known(candidate: VersionFiles) -> Optimized | None:
    try:
        return Optimized.model_validate_json(candidate.files[OPTIMIZED])
    except ValidationError:
        return None  # written by another version of this library: it is made again


def _works_here(candidate: VersionFiles) -> bool:
    """Whether this machine can load it; what was compiled elsewhere has to be made again."""
    try:
        parse_model(candidate)
    except UnavailableError:
        return False
    return True


def _is_kept(project: Project, model: str, trained: VersionFiles) -> bool:
    try:
        return read_trained(project, model).digest == trained.digest
    except UnavailableError:
        return False
