"""What an API key may do, and what each path of the gateway needs. What is not named is denied."""

from __future__ import annotations

from typing import Literal, get_args

Scope = Literal["predict", "feedback", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
MEANING: dict[Scope, str] = {
    "predict": "ask for predictions, explanations and rankings",
    "feedback": "deliver data: labels and events",
    "metrics": "read the counters",
    "admin": "change releases, and read the counters",
}

PUBLIC = frozenset({"/healthz", "/livez", "/readyz"})
"""Who watches a process needs no key, and is told nothing but yes or no."""

_FIRST: dict[str, frozenset[str]] = {
    "predict": frozenset({"predict"}),
    "explain": frozenset({"predict"}),
    "rank": frozenset({"predict"}),
    "feedback": frozenset({"feedback"}),
    "events": frozenset({"feedback"}),
    "openapi.json": frozenset({"predict", "feedback", "admin"}),
    "metrics": frozenset({"metrics", "admin"}),
    "admin": frozenset({"admin"}),
}


def needed(path: str) -> frozenset[str] | None:
    """The scopes of which one is needed for a path; None for one that nobody may ask.

    >>> sorted(needed("/predict/some_model")), needed("/schema.json")
    (['predict'], None)
    """
    return _FIRST.get(path[1:].split("/", 1)[0]) if path[:1] == "/" else None
