"""JSON that can be read in only one way, before a declared form looks at it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from perennial.serve.refusals import RefusedError, printable


def check(body: bytes, most_rows: int, most_names: int) -> bool:
    """Whether the body is a list of rows (else it is one row).

    Raises `RefusedError`: 400 for what is not JSON (NaN and bad UTF-8 among it), 422 for a name
    that an object has twice, for more rows than accepted, and for more names than rows can have
    (a list of a hundred thousand empty objects would else make a million mistakes to tell).
    """
    try:
        content = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_Names(most_names).seen,
            parse_constant=_constant,
            parse_int=str,
            parse_float=str,
        )
    except RecursionError as error:
        raise _malformed("its values are nested too deep") from error
    except ValueError as error:  # of the encoding or of the syntax
        raise _malformed(str(error)) from error
    if not isinstance(content, list):
        return False
    if not 1 <= len(content) <= most_rows:
        raise RefusedError(
            422, "batch_size", f"a list holds 1 to {most_rows} rows, got {len(content)}"
        )
    return True


class _Names:
    def __init__(self, most: int) -> None:
        self.most, self.n = most, 0

    def seen(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """One object's names and values; refuses a name that stands there twice."""
        self.n += len(pairs)
        if self.n > self.most:
            raise RefusedError(
                422, "invalid", f"the body has more than the {self.most} names that rows can have"
            )
        content = dict(pairs)
        if len(content) < len(pairs):
            names = [name for name, _ in pairs]
            twice = sorted({printable(name) for name in names if names.count(name) > 1})
            mistakes = [{"field": each, "found": "twice", "allowed": "once"} for each in twice[:20]]
            raise RefusedError(422, "invalid", "a name stands twice in one object", mistakes)
        return content


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _malformed(why: str) -> RefusedError:
    mistake = {"field": "body", "found": None, "allowed": f"JSON ({printable(why)})"}
    return RefusedError(400, "malformed", "the body is not valid JSON", [mistake])
