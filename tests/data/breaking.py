"""For each kind of expectation in use the way to break it: a good batch in, a bad one out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

Break = Callable[[pd.DataFrame, dict[str, Any]], pd.DataFrame]


def out_of_range(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """Every value (and so every aggregate) just beyond the one end that is declared."""
    if kwargs.get("max_value") is not None:
        return frame.assign(**{kwargs["column"]: kwargs["max_value"] + 1})
    return frame.assign(**{kwargs["column"]: kwargs["min_value"] - 1})


def in_another_unit(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """Sixty times as much, as seconds are to minutes."""
    return frame.assign(**{kwargs["column"]: frame[kwargs["column"]] * 60})


def with_a_stranger(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """A value outside the set, of the column's own kind."""
    strangers = {bool: not kwargs["value_set"][0], int: 99, str: "no member"}
    return frame.assign(**{kwargs["column"]: strangers[type(kwargs["value_set"][0])]})


def in_another_form(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """A text (or, among numbers, a number) that no declared form admits."""
    is_number = frame[kwargs["column"]].dtype.kind in "if"
    return frame.assign(**{kwargs["column"]: 1299 if is_number else "?"})


def missing(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """No value at all."""
    return frame.assign(**{kwargs["column"]: None})


def present(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """A value in every row, also where none may be."""
    return frame.assign(**{kwargs["column"]: 1})


def twice(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """One row delivered a second time."""
    return pd.concat([frame, frame.head(1)], ignore_index=True)


def the_wrong_way_round(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """The second column beyond the first."""
    a, b = frame[kwargs["column_A"]], frame[kwargs["column_B"]]
    step = pd.Timedelta(minutes=1) if a.dtype.kind == "M" else 1
    return frame.assign(**{kwargs["column_B"]: a.where(a.notna(), b) + step})


def without_a_member(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """One of the values that must occur does not."""
    return frame[frame[kwargs["column"]] != kwargs["value_set"][-1]].reset_index(drop=True)


def renamed(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """One declared column under another name."""
    return frame.rename(columns={next(iter(kwargs["column_set"])): "another name"})


def cut_short(frame: pd.DataFrame, kwargs: dict[str, Any]) -> pd.DataFrame:
    """One row fewer than the least."""
    return frame.head(kwargs["min_value"] - 1)


BREAKS: dict[str, Break] = {
    "expect_column_distinct_values_to_contain_set": without_a_member,
    "expect_column_max_to_be_between": out_of_range,
    "expect_column_mean_to_be_between": out_of_range,
    "expect_column_median_to_be_between": out_of_range,
    "expect_column_min_to_be_between": out_of_range,
    "expect_column_pair_values_a_to_be_greater_than_b": the_wrong_way_round,
    "expect_column_stdev_to_be_between": in_another_unit,
    "expect_column_quantile_values_to_be_between": in_another_unit,
    "expect_column_values_to_be_between": out_of_range,
    "expect_column_values_to_be_in_set": with_a_stranger,
    "expect_column_values_to_be_null": present,
    "expect_column_values_to_be_unique": twice,
    "expect_column_values_to_match_regex": in_another_form,
    "expect_column_values_to_not_be_null": missing,
    "expect_compound_columns_to_be_unique": twice,
    "expect_table_columns_to_match_set": renamed,
    "expect_table_row_count_to_be_between": cut_short,
}
