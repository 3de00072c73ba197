"""Arrow columns as the numbers that an encoding needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perennial.errors import ContractBrokenError
from perennial.learn.contract import FloatArray

if TYPE_CHECKING:
    from perennial.learn.encoding import Feature


def learned(name: str, column: Any) -> Feature:
    """The feature that a column's values make it: its kind and, for texts, its vocabulary."""
    from perennial.learn.encoding import Feature

    if is_text(column.type):
        values = pc.unique(column.cast(pa.string())).to_pylist()
        known = sorted(value for value in values if value is not None)
        return Feature(name=name, kind="category", vocabulary=tuple(known))
    _must_be_number(name, column.type)
    return Feature(name=name, kind="number")


def numbers(name: str, column: Any) -> FloatArray:
    """A numeric or boolean column as floats; null is NaN."""
    _must_be_number(name, column.type)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    floats = column.cast(pa.float64(), safe=False)
    return np.asarray(pc.fill_null(floats, float("nan")), dtype=np.float64)


def coded(column: Any, codes: Mapping[Any, float]) -> FloatArray:
    """A text column as the codes of its values; null and unknown values are NaN."""
    if not is_text(column.type):
        return np.full(len(column), np.nan)
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    known = [codes.get(value, np.nan) for value in encoded.dictionary.to_pylist()]
    places = np.asarray(pc.fill_null(encoded.indices, len(known)))
    values: FloatArray = np.array([*known, np.nan], dtype=np.float64)
    return np.take(values, places)


def is_text(kind: Any) -> bool:
    """Whether values of this Arrow type are texts, so categories."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _must_be_number(name: str, kind: Any) -> None:
    checks = (
        pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal,
        pa.types.is_null,
    )  # fmt: skip
    if not any(check(kind) for check in checks):
        raise ContractBrokenError(
            f"feature {name!r} has the type {kind}; accepted are numbers, booleans and texts "
            "(turn a moment into a number, such as hours since another, in the mart)"
        )
