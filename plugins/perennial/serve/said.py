"""What a slot said, checked before anybody believes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from perennial.serve.refusals import RefusedError


@dataclass(frozen=True, slots=True)
class Said:
    """The answer of a slot to n rows."""

    version: str
    scores: list[float]
    unknown: list[list[dict[str, Any]]]
    base: float | None = None
    reasons: list[list[dict[str, Any]]] | None = None


class SilentError(RefusedError):
    """A server said nothing in time: to ask it once more at once would bring nothing."""

    def __init__(self, why: str) -> None:
        super().__init__(503, "unavailable", f"no answer now: {why}", retry_after_seconds=1)


class WrongError(RefusedError):
    """A server said something that cannot be passed on; one of the questions may be to blame."""

    def __init__(self, why: str) -> None:
        super().__init__(503, "unavailable", f"no answer now: {why}", retry_after_seconds=1)


def understood(body: bytes, n: int, version: str, is_explained: bool, is_probability: bool) -> Said:
    """The slot's answer; `WrongError` (503) when it is not one that can be passed on.

    That is: n finite scores (from 0 to 1 where they are probabilities) of the version that the
    slot is meant to run, with what goes with them.
    """
    if not is_explained and (said := _plain(body, n, version, is_probability)) is not None:
        return said
    return _checked(body, n, version, is_explained, is_probability)


def _plain(body: bytes, n: int, version: str, is_probability: bool) -> Said | None:
    """What a healthy slot says to /predict, seen at a glance; None: look closer."""
    try:
        told = orjson.loads(body)
        scores, unknown = told["scores"], told["unknown"]
        is_so = (
            told["version"] == version
            and type(scores) is list
            and type(unknown) is list
            and len(scores) == len(unknown) == n
            and all(type(each) is float for each in scores)
            and all(type(each) is list for each in unknown)
            and all(type(field) is dict for each in unknown for field in each)
            and told.keys() == {"version", "scores", "unknown"}
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    # min and max would be fooled by NaN; a sum of finite numbers may only be too large
    if not is_so or not math.isfinite(sum(scores)):
        return None
    if is_probability and not (min(scores) >= 0 and max(scores) <= 1):
        return None
    return Said(version, scores, unknown)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    version: Annotated[str, Field(min_length=1)]
    scores: list[FiniteFloat]
    unknown: list[list[dict[str, Any]]]
    base: FiniteFloat | None = None
    reasons: list[list[dict[str, Any]]] | None = None


def _checked(body: bytes, n: int, version: str, is_explained: bool, is_probability: bool) -> Said:
    try:
        said = _Strict.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "answer"
        raise WrongError(f"the server's {where} is wrong: {first['msg']}") from error
    per_row = [len(said.scores), len(said.unknown)]
    per_row += [len(said.reasons or [])] if is_explained else []
    if any(each != n for each in per_row) or (is_explained and said.base is None):
        raise WrongError(f"the server did not give {n} whole answers")
    if is_probability and not all(0 <= score <= 1 for score in said.scores):
        raise WrongError("the server gave a score that is no probability")
    if said.version != version:
        raise WrongError(f"the server runs version {said.version[:100]}, not {version}")
    return Said(said.version, said.scores, said.unknown, said.base, said.reasons)
