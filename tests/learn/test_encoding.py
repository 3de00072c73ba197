from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from perennial.errors import ContractBrokenError
from perennial.learn.encoding import Encoding

TABLE = pa.table(
    {
        "colour": pa.array(["red", None, "green", "red"]),
        "weight": pa.array([1, None, 3, 4], pa.int32()),
        "is_washed": pa.array([True, False, None, True]),
        "sugar": pa.array([0.5, float("nan"), None, 2.5]),
    }
)
ROWS = TABLE.to_pylist()
COLUMNS = TABLE.to_pydict()


def test_rows_columns_and_tables_give_the_same_matrix() -> None:
    encoding = Encoding.learn(TABLE)
    expected = [[1, 1, 1, 0.5], [np.nan, np.nan, 0, np.nan], [0, 3, np.nan, np.nan], [1, 4, 1, 2.5]]
    for shape in (TABLE, ROWS, COLUMNS):
        np.testing.assert_array_equal(encoding.encode(shape), expected)


def test_numpy_columns_are_taken_too() -> None:
    encoding = Encoding.learn(TABLE)
    columns = {name: np.array(values, dtype=object) for name, values in COLUMNS.items()}
    np.testing.assert_array_equal(encoding.encode(columns), encoding.encode(TABLE))


def test_unknown_category_is_missing() -> None:
    encoding = Encoding.learn(TABLE)
    row = {**ROWS[0], "colour": "blue"}
    assert np.isnan(encoding.encode([row])[0, 0])
    assert np.isnan(encoding.encode(pa.Table.from_pylist([row]))[0, 0])


def test_vocabulary_is_sorted_whatever_the_order_of_rows() -> None:
    backwards = TABLE.take([3, 2, 1, 0])
    assert Encoding.learn(TABLE).features == Encoding.learn(backwards).features
    assert Encoding.learn(TABLE).features[0].vocabulary == ("green", "red")


def test_dictionary_columns_are_categories_across_chunks() -> None:
    first = pa.chunked_array([pa.array(["b", "a"]).dictionary_encode()])
    second = pa.chunked_array([pa.array(["c", None]).dictionary_encode()])
    table = pa.table({"letter": pa.chunked_array([*first.chunks, *second.chunks])})
    encoding = Encoding.learn(table)
    np.testing.assert_array_equal(encoding.encode(table)[:, 0], [1, 0, 2, np.nan])


def test_absent_column_is_a_mistake_and_not_missing() -> None:
    encoding = Encoding.learn(TABLE)
    row = {name: value for name, value in ROWS[0].items() if name != "sugar"}
    for shape in (
        [row],
        {name: [value] for name, value in row.items()},
        pa.Table.from_pylist([row]),
    ):
        with pytest.raises(ContractBrokenError, match="no column 'sugar'"):
            encoding.encode(shape)


def test_text_where_a_number_was_learned_is_refused() -> None:
    encoding = Encoding.learn(TABLE)
    row = {**ROWS[0], "weight": "12"}
    for shape in (
        [row],
        {name: [value] for name, value in row.items()},
        pa.Table.from_pylist([row]),
    ):
        with pytest.raises(ContractBrokenError, match="'weight'"):
            encoding.encode(shape)


def test_moments_are_refused_as_features() -> None:
    with pytest.raises(ContractBrokenError, match="'when' has the type timestamp"):
        Encoding.learn(pa.table({"when": pa.array([0], pa.timestamp("us", "UTC"))}))


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ContractBrokenError, match="differ in length"):
        Encoding.learn(TABLE).encode({**COLUMNS, "sugar": [1.0]})
