"""Forms: what JSON objects of one declared kind look like, and how bodies of them are parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from perennial.declare.model import Model, RequestField
from perennial.declare.sources import Source
from perennial.serve import kinds
from perennial.serve.refusals import from_validation
from perennial.serve.strict_json import check

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""No unknown field, no silent conversion, no NaN, no infinity."""

SPARE_NAMES = 1000


@dataclass(frozen=True)
class Named:
    """One field of a form."""

    name: str
    kind: Any
    is_required: bool
    description: str
    example: Any = None


class Form:
    """JSON objects with declared fields; a field that may be left out is then None.

    Names are free (a column may be called `_id`, `schema` or `class`), so that the form is a typed
    dictionary and not a class with attributes.
    """

    def __init__(self, name: str, fields: list[Named], most: int) -> None:
        self.name = name
        self.names = [field.name for field in fields]
        self.most = most
        made = TypedDict(name, {field.name: _typed(field) for field in fields})  # type: ignore[misc]  # its fields are known at run time only
        kind: Any = with_config(STRICT)(made)
        self._one: TypeAdapter[Any] = TypeAdapter(kind)
        self._many: TypeAdapter[Any] = TypeAdapter(list[kind])

    def parse(self, body: bytes, what: str) -> tuple[list[dict[str, Any]], bool]:
        """The objects of a body, and whether they came as a list.

        Raises `RefusedError` (4xx), whatever the body is, when it is anything else than one object
        or a list of 1 to `most`.
        """
        is_list = check(body, self.most, self.most * len(self.names) + SPARE_NAMES)
        try:
            found = self._many.validate_json(body) if is_list else [self._one.validate_json(body)]
        except ValidationError as error:
            raise from_validation(error, what, self.names) from error
        return [{name: row.get(name) for name in self.names} for row in found], is_list

    def schema(self) -> dict[str, Any]:
        """The JSON schema of one object."""
        return self._one.json_schema()


def question(name: str, fields: tuple[RequestField, ...], most: int) -> Form:
    """The form of one question, from the declared request fields."""
    named = [
        Named(each.name, kinds.asked(each), each.required, each.description, each.example)
        for each in fields
    ]
    return Form(f"{name}_question", named, most)


def event(source: Source, most: int) -> Form:
    """The form of one posted row, from the source's contract; its key is there, nullable or not."""
    key = source.land.key
    named = [
        Named(
            each.name,
            kinds.POSTED[each.data_type],
            not each.nullable or each.name in key,
            each.description,
        )
        for each in source.columns
    ]
    return Form(f"{source.name}_event", named, most)


def truth(model: Model, most: int) -> Form:
    """The form of one label of a model, told after its answer."""
    said = (
        f"Whether it came true: {model.label.positive!r} (or 1, true) or {model.label.negative!r} "
        "(or 0, false)."
        if model.task == "binary"
        else f"What it really was {model.label.unit}".strip() + "."
    )
    named = [
        Named("prediction_id", kinds.PREDICTION_ID, True, "The answer that it is about."),
        Named("label", kinds.truth(model), True, said),
    ]
    return Form(f"{model.name}_feedback", named, most)


def _typed(field: Named) -> Any:
    examples = None if field.example is None else [field.example]
    told = Field(description=field.description, examples=examples)
    if field.is_required:
        return Annotated[field.kind, told]
    return NotRequired[Annotated[field.kind | None, told]]
