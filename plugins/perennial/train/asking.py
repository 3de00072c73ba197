"""What a training is asked for: the words of the command and of the declaration, made one."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.reading import nearest
from perennial.declare.strategies import FROM_SCRATCH, Kind, Stateful, Strategy, refusal
from perennial.errors import DeclarationError, NotEnoughEvidenceError
from perennial.keep.ledger import serving
from perennial.train.champion import n_updates
from perennial.train.trained import Asked

NAMES: tuple[Strategy, ...] = get_args(Strategy)
"""Every strategy that can be asked for."""


def asked_for(
    project: Project, model: Model, at: str, until: str, strategy: str, window_days: str
) -> Asked:
    """One of the three kinds with its window and its ways, out of whatever name was given.

    Raises DeclarationError for a name or a window that cannot be, NotEnoughEvidenceError for days
    that nobody can know yet.
    """
    if strategy and strategy not in NAMES:
        raise DeclarationError(
            [
                f"strategy must be one of {', '.join(NAMES)}, got {strategy!r}"
                f"{nearest(strategy, NAMES)}"
            ]
        )
    if why := refusal(model.train.learner, strategy):
        raise DeclarationError([f"model {model.name}: {why}"])
    if window_days and (not window_days.isdecimal() or int(window_days) < 1):
        raise DeclarationError([f"window_days must be a whole number from 1, got {window_days!r}"])
    night = date.fromisoformat(at)
    end = date.fromisoformat(until or at)
    if end > night:
        raise NotEnoughEvidenceError(
            f"model {model.name}: until must not be after at: on the night of {night} nothing is "
            f"known of the days until {end}"
        )
    name = strategy or _declared(project, model)
    if name == "combined":
        name = _of_combined(project, model)
    window = int(window_days) if window_days else None
    return Asked(night, end, **_kind(model, name, window), window_days=_window(model, name, window))


def _declared(project: Project, model: Model) -> str:
    name = model.train.strategy
    begins = name in (*FROM_SCRATCH, "combined")
    return name if begins or serving(project, model.name) else "stateless"


def _of_combined(project: Project, model: Model) -> str:
    declared = model.train.update.combined
    now = serving(project, model.name)
    is_due = now is None or n_updates(now.version_folder) >= declared.updates
    return declared.base if is_due else "stateful"


def _kind(model: Model, name: str, window: int | None) -> dict[str, Any]:
    kinds: dict[str, Kind] = {
        "stateless": "stateless", "full": "stateless", "window": "stateless",
        "transfer": "stateless", "recalibrate": "recalibrate",
    }  # fmt: skip
    kind = kinds.get(name, "stateful")
    if name == "full" and window:
        raise DeclarationError([f"strategy full learns from all history, got window_days {window}"])
    if kind != "stateful":
        return {"strategy": kind, "is_transfer": name == "transfer"}
    is_way = name in get_args(Stateful)
    return {"strategy": kind, "ways": (name,) if is_way else model.train.ways}


def _window(model: Model, name: str, given: int | None) -> int | None:
    if given or name not in ("stateless", "window", "transfer"):
        return given
    if name == "window" and model.train.window_days is None:
        raise DeclarationError(
            [
                f"model {model.name}: strategy window needs window_days, or train.window_days in "
                "its declaration"
            ]
        )
    return model.train.window_days
