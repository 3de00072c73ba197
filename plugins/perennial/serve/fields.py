"""JSON fields as strict pydantic types, for questions and for posted events alike."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, create_model

from perennial.declare.model import RequestField
from perennial.declare.sources import Column, Source

INT32, INT64 = 2**31, 2**63


def _within_calendar(moment: datetime) -> datetime:
    if not 1900 <= moment.year < 2200:
        raise ValueError("the year must be in [1900, 2200)")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_within_calendar)]
Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]


class Strict(BaseModel):
    """Base of the parsed bodies: no unknown field, no silent conversion, no NaN, no infinity."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def question(name: str, fields: tuple[RequestField, ...]) -> type[Strict]:
    """The type of one question, from the declared request fields."""
    return _model(f"{name}_question", {field.name: _asked(field) for field in fields})


def event(source: Source) -> type[Strict]:
    """The type of one posted row, from the source's contract."""
    return _model(f"{source.name}_event", {each.name: _posted(each) for each in source.columns})


def _model(name: str, fields: dict[str, Any]) -> type[Strict]:
    return create_model(name, __base__=Strict, **fields)


def _asked(field: RequestField) -> tuple[Any, Any]:
    low, high = field.minimum, field.maximum
    kind: Any
    match field.type:
        case "string":
            kind = Annotated[str, Field(max_length=field.max_length, pattern=r"^[^\x00]*$")]
        case "integer":
            bounds = Field(
                ge=-INT64 if low is None else int(low), le=INT64 - 1 if high is None else int(high)
            )
            kind = Annotated[int, bounds]
        case "number":
            kind = Annotated[float, Field(ge=low, le=high)]
        case "boolean":
            kind = bool
        case "timestamp":
            kind = Moment
    if field.required:
        return kind, Field(description=field.description, examples=[field.example])
    return kind | None, Field(None, description=field.description, examples=[field.example])


_POSTED: dict[str, Any] = {
    "varchar": Text,
    "smallint": Annotated[int, Field(ge=-(2**15), lt=2**15)],
    "integer": Annotated[int, Field(ge=-INT32, lt=INT32)],
    "bigint": Annotated[int, Field(ge=-INT64, lt=INT64)],
    "double": float,
    "boolean": bool,
    "date": date,
    "timestamptz": Moment,
}


def _posted(column: Column) -> tuple[Any, Any]:
    kind = _POSTED[column.data_type]
    if column.nullable:
        return kind | None, Field(None, description=column.description)
    return kind, Field(description=column.description)
