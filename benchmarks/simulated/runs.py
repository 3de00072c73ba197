"""Which releases are simulated: as the example declares, stricter, each guardrail alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from perennial.declare.guardrails import LOOKED_AT, Guardrails
from perennial.declare.project import Project
from perennial.declare.release import Release as Declared
from perennial.declare.release import Shadow
from simulated.candidates import candidates, worse
from simulated.world import Ended, live

STRICTER = {
    "errors": 0.02,
    "latency": {"quantile": 0.9, "extra_ms": 50},
    "score_shift": 0.05,
    "score_distribution": 0.2,
    "disagreement": 0.15,
    "loss": 0.03,
    "memory_mb": 10,
    "slices": ["origin", "carrier"],
}
ALONE = tuple(name for name in LOOKED_AT if name != "slices")
"""Guardrails that have a limit of their own."""


@cache
def settings() -> dict[str, Declared]:
    """What the example ships with, and stricter limits."""
    project = Project(Path(__file__).parents[2])
    shipped = project.model("flight_delay").release
    limits = Guardrails.model_validate(STRICTER)
    strict = shipped.model_copy(update={"guardrails": limits, "steps": (0.5,)})
    return {"shipped": shipped, "stricter": strict}


def limits_of(declared: Declared) -> dict[str, float]:
    """Each guardrail's limit as one number; milliseconds for latency."""
    limits = declared.guardrails.model_dump()
    latency = declared.guardrails.latency
    found = {name: float(limits[name] or 0) for name in ALONE if name != "latency"}
    return {**found, "latency": (latency.extra_ms if latency else None) or 0.0}


def one(name: str, setting: str, seed: int, most: int) -> Ended:
    """A run of one candidate in one setting."""
    declared = settings()[setting]
    tried = candidates(limits_of(declared))
    return live(declared, tried[name], [seed, list(tried).index(name)], most)


def one_alone(guardrail: str, times: float, seed: int, most: int) -> Ended:
    """A run in which only this guardrail is declared, against a version `times` its limit worse.

    The release stays in shadow, where both versions answer everything.
    """
    shipped = settings()["shipped"]
    others = {each: () if each == "slices" else None for each in LOOKED_AT if each != guardrail}
    alone = shipped.guardrails.model_copy(update=others)
    waiting = Shadow(share=1.0, min_requests=most + 1)
    declared = shipped.model_copy(update={"guardrails": alone, "shadow": waiting})
    candidate = worse(guardrail, times * limits_of(shipped)[guardrail])
    return live(declared, candidate, [seed, ALONE.index(guardrail), int(times)], most)
