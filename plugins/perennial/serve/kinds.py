"""Declared types as strict pydantic types: for the fields of questions and of posted events."""

from __future__ import annotations

import contextlib
import math
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, WithJsonSchema

from perennial.declare.model import Model, RequestField
from perennial.declare.sources import DataType

INT32, INT64 = 2**31, 2**63
NO_NUL = r"^[^\x00]*$"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DATE = re.compile(_DAY)
_MOMENT = re.compile(
    _DAY + r"[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if _MOMENT.fullmatch(value):
        with contextlib.suppress(ValueError):  # a thirteenth month, a twenty-fifth hour
            return _within_calendar(datetime.fromisoformat(value.upper()))
    raise ValueError(
        "an ISO 8601 moment with its offset, such as 2013-03-01T11:00:00Z, from 1900 to 2199"
    )


def _within_calendar(moment: datetime) -> datetime:
    if not 1900 <= moment.year < 2200:
        raise ValueError("not a year that anybody asks about")
    return moment.astimezone(UTC)


def _day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if _DATE.fullmatch(value):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("an ISO 8601 date, such as 2013-03-01")


# Pydantic alone would also take "1362135600" for a moment and for a date.
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
Day = Annotated[date, BeforeValidator(_day)]

PREDICTION_ID = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]

POSTED: dict[DataType, Any] = {
    "varchar": Annotated[str, Field(max_length=10_000, pattern=NO_NUL)],
    "smallint": Annotated[int, Field(ge=-(2**15), lt=2**15)],
    "integer": Annotated[int, Field(ge=-INT32, lt=INT32)],
    "bigint": Annotated[int, Field(ge=-INT64, lt=INT64)],
    "double": float,
    "boolean": bool,
    "date": Day,
    "timestamptz": Moment,
}


def asked(field: RequestField) -> Any:
    """The type of a request field, with its declared bounds."""
    match field.type:
        case "string":
            return Annotated[str, Field(max_length=field.max_length, pattern=NO_NUL)]
        case "integer":
            low = -INT64 if field.minimum is None else max(-INT64, math.ceil(field.minimum))
            high = INT64 - 1 if field.maximum is None else min(INT64 - 1, math.floor(field.maximum))
            return Annotated[int, Field(ge=low, le=high)]
        case "number":
            return Annotated[float, Field(ge=field.minimum, le=field.maximum)]
        case "boolean":
            return bool
        case "timestamp":
            return Moment


def truth(model: Model) -> Any:
    """The type of a model's labels: a number, and where it is 0 or 1 also the model's words."""
    if model.task == "regression":
        return float
    numbers = {0: 0, 1: 1, model.label.negative: 0, model.label.positive: 1}

    def number(value: Any) -> int:
        if isinstance(value, str | int | float) and value in numbers:  # False and True are 0 and 1
            return numbers[value]
        words = f"{model.label.positive!r}, {model.label.negative!r}"
        raise ValueError(f"{words}, 0, 1, true or false")

    accepted = [model.label.positive, model.label.negative, 0, 1, True, False]
    return Annotated[int, BeforeValidator(number), WithJsonSchema({"enum": accepted})]
