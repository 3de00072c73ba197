"""What a slot said, checked before anybody believes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from perennial.serve.refusals import RefusedError


class Said(BaseModel):
    """The answer of a slot to n rows."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    version: Annotated[str, Field(min_length=1)]
    scores: list[FiniteFloat]
    unknown: list[list[dict[str, Any]]]
    base: FiniteFloat | None = None
    reasons: list[list[dict[str, Any]]] | None = None


def understood(body: bytes, n: int, version: str, is_explained: bool, is_probability: bool) -> Said:
    """The slot's answer; `RefusedError` 503 when it is not one that can be passed on.

    That is: n finite scores (from 0 to 1 where they are probabilities) of the version that the
    slot is meant to run, with what goes with them.
    """
    try:
        said = Said.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "answer"
        raise unavailable(f"the server's {where} is wrong: {first['msg']}") from error
    per_row = [len(said.scores), len(said.unknown)]
    per_row += [len(said.reasons or [])] if is_explained else []
    if any(each != n for each in per_row) or (is_explained and said.base is None):
        raise unavailable(f"the server did not give {n} whole answers")
    if is_probability and not all(0 <= score <= 1 for score in said.scores):
        raise unavailable("the server gave a score that is no probability")
    if said.version != version:
        raise unavailable(f"the server runs version {said.version[:100]}, not {version}")
    return said


def unavailable(why: str) -> RefusedError:
    """The refusal when a slot cannot answer now."""
    return RefusedError(503, "unavailable", f"no answer now: {why}", retry_after_seconds=1)
