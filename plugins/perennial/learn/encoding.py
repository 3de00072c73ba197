"""From named columns to the matrix that a family of trees learns from, and the same when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.errors import ContractBrokenError
from perennial.learn.contract import FloatArray, Rows

NAN = float("nan")


class Feature(Frozen):
    """One input column, as it was when the model learned."""

    name: str
    kind: Literal["number", "category"]
    vocabulary: tuple[str, ...] = Field((), description="category: the known values, sorted.")


class Encoding:
    """Numbers stay numbers; a category becomes its place in the vocabulary.

    Missing values, and categories that were not there when the model learned, are NaN: the trees
    have a branch for "missing", and a new category is just that. A column that is absent is not
    missing but a mistake, and so is a text where a number was learned: ContractBrokenError.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        self.names = tuple(each.name for each in features)
        self.categories = [n for n, each in enumerate(features) if each.kind == "category"]
        self._codes: list[dict[Any, float] | None] = [
            {value: float(code) for code, value in enumerate(each.vocabulary)}
            if each.kind == "category"
            else None
            for each in self.features
        ]

    @classmethod
    def learn(cls, table: Any) -> Self:
        """The encoding of a pyarrow Table's columns; the same for any order of its rows."""
        from perennial.learn.arrow_columns import learned

        return cls([learned(name, table[name]) for name in table.column_names])

    def encode(self, rows: Rows) -> FloatArray:
        """Rows as a matrix (n, number of features).

        >>> fruit = Feature(name="fruit", kind="category", vocabulary=("apple", "pear"))
        >>> encoding = Encoding([fruit, Feature(name="grams", kind="number")])
        >>> encoding.encode([{"fruit": "pear", "grams": 120}, {"fruit": "plum", "grams": None}])
        array([[  1., 120.],
               [ nan,  nan]])
        """
        try:
            if isinstance(rows, Mapping):
                return self._columns({name: rows[name] for name in self.names})
            if isinstance(rows, Sequence):
                return self._rows(rows)
            return self._table(rows)
        except KeyError as error:
            raise ContractBrokenError(
                f"the rows have no column {error.args[0]!r}; the model needs "
                f"{', '.join(self.names)} (null where a value is missing)"
            ) from error

    def _rows(self, rows: Sequence[Mapping[str, Any]]) -> FloatArray:
        plan = list(zip(self.names, self._codes, strict=True))
        matrix = [
            [
                _number(name, row[name]) if codes is None else codes.get(row[name], NAN)
                for name, codes in plan
            ]
            for row in rows
        ]
        return np.array(matrix, dtype=np.float64).reshape(len(rows), len(plan))

    def _columns(self, columns: Mapping[str, Any]) -> FloatArray:
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise ContractBrokenError(f"the columns differ in length: {sorted(lengths)}")
        encoded = [
            _numbers(name, columns[name])
            if codes is None
            else [codes.get(value, NAN) for value in columns[name]]
            for name, codes in zip(self.names, self._codes, strict=True)
        ]
        return np.ascontiguousarray(np.array(encoded, dtype=np.float64).T)

    def _table(self, table: Any) -> FloatArray:
        from perennial.learn.arrow_columns import coded, numbers

        for name in self.names:
            if name not in table.column_names:
                raise KeyError(name)
        matrix = np.empty((table.num_rows, len(self.names)))
        for place, (name, codes) in enumerate(zip(self.names, self._codes, strict=True)):
            column = table[name]
            matrix[:, place] = numbers(name, column) if codes is None else coded(column, codes)
        return matrix


def _number(name: str, value: Any) -> float:
    if value is None:
        return NAN
    if isinstance(value, str):
        raise ContractBrokenError(f"column {name!r} must hold numbers, got the text {value!r}")
    return float(value)


def _numbers(name: str, values: Any) -> Any:
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return values
    return [_number(name, value) for value in values]  # a few values: cheaper than an array
