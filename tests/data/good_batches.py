"""Seeded batches that meet every expectation of a gate, made from the gate itself.

Each column is drawn within what is declared for it; rows that then break an expectation between
columns (a pair, a key, a condition) are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from perennial.check.evaluation import evaluate
from perennial.check.expectations import Prepared

Wants = dict[str, list[dict[str, Any]]]
START = pd.Timestamp("2013-03-01", tz="UTC")
LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))

# For each declared regular expression the i-th text that matches it, no two the same.
TEXTS: dict[str, Callable[[int], str]] = {
    "^[0-9A-Z]{2}$": lambda i: f"{LETTERS[i % 26]}{i % 10}",
    "^[A-Z]{3}$": lambda i: "".join(LETTERS[[i // 676 % 26, i // 26 % 26, i % 26]]),
    "^[0-9A-Z]{3,4}$": lambda i: f"{LETTERS[i // 1000 % 26]}{i % 1000:03d}",
    "^N[0-9A-Z]{4,5}$": lambda i: f"N{i % 100_000:05d}",
    r"^([0-9]|[0-5][0-9]|([0-9]|1[0-9]|2[0-3])[0-5][0-9]|2400)(\.0)?$": (
        lambda i: str(i // 60 % 24 * 100 + i % 60)
    ),
    "^(America|Pacific)/[A-Za-z_]+$": lambda i: ("America/New_York", "Pacific/Honolulu")[i % 2],
}


def good_batch(prepared: list[Prepared], types: dict[str, str], seed: int = 7) -> pd.DataFrame:
    """Rows that meet everything in `prepared`; at least as many as are expected of the table."""
    random = np.random.default_rng(seed)
    least = [each.declared.kwargs.get("min_value", 0) for each in prepared if _counts_rows(each)]
    n = max([2000, *(3 * each for each in least)])
    columns = {name: _draw(random, n, kind, _wants(prepared, name)) for name, kind in types.items()}
    frame = pd.DataFrame(columns)
    while True:
        found = evaluate(prepared, frame)
        failing = {i for each in found if not each.success for i in each.positions or []}
        if not failing:
            return frame
        frame = frame.drop(index=list(failing)).reset_index(drop=True)


def _counts_rows(prepared: Prepared) -> bool:
    return prepared.declared.type == "expect_table_row_count_to_be_between"


def _wants(prepared: list[Prepared], column: str) -> Wants:
    """What is expected of one column by itself, by the expectation's name."""
    wants: Wants = {}
    for each in prepared:
        kwargs = each.declared.kwargs
        if kwargs.get("column") == column and "row_condition" not in kwargs:
            wants.setdefault(each.declared.type, []).append(kwargs)
        if column in kwargs.get("column_list", []):
            wants.setdefault("expect_column_values_to_not_be_null", []).append(kwargs)
    return wants


def _draw(random: np.random.Generator, n: int, kind: str, wants: Wants) -> pd.Series:
    values = _values(random, n, kind, wants)
    required = {"expect_column_values_to_not_be_null", "expect_column_values_to_be_unique"}
    if not required & set(wants):
        values[random.random(n) < 0.1] = None
    return values


def _values(random: np.random.Generator, n: int, kind: str, wants: Wants) -> pd.Series:
    for name in ("expect_column_values_to_be_in_set", "expect_column_distinct_values_to_be_in_set"):
        if name in wants:
            return _typed(random.choice(np.array(wants[name][0]["value_set"], object), n), kind)
    if "expect_column_values_to_match_regex" in wants:
        text = TEXTS[wants["expect_column_values_to_match_regex"][0]["regex"]]
        texts = np.array([text(int(i)) for i in random.permutation(n)], object)
        for each in wants.get("expect_column_distinct_values_to_contain_set", []):
            texts[: len(each["value_set"])] = each["value_set"]
        return _typed(texts, kind)
    if kind == "varchar":
        return pd.Series([f"text {i}" for i in random.permutation(n)], dtype=object)
    if kind == "boolean":
        return _typed(random.random(n) < 0.5, kind)
    if kind in ("timestamptz", "date"):
        moments = START + pd.to_timedelta(random.integers(0, 2 * 1440, n), unit="min")
        return pd.Series(moments if kind == "timestamptz" else moments.date)
    return _typed(_numbers(random, n, wants), kind)


def _numbers(random: np.random.Generator, n: int, wants: Wants) -> np.ndarray:
    bounds = [
        each
        for name in ("values_to_be", "median_to_be", "mean_to_be", "min_to_be", "max_to_be")
        for each in wants.get(f"expect_column_{name}_between", [])
    ]
    low = max((each["min_value"] for each in bounds if "min_value" in each), default=None)
    high = min((each["max_value"] for each in bounds if "max_value" in each), default=None)
    low = low if low is not None else min(0.0, high or 0.0)
    high = high if high is not None else low + 1000
    for each in wants.get("expect_column_quantile_values_to_be_between", []):
        ranges = each["quantile_ranges"]
        middles = [(a + b) / 2 for a, b in ranges["value_ranges"]]
        knots = [max(low, middles[0] - 10), *middles, min(high, middles[-1] + 10)]
        return np.interp(random.random(n), [0, *ranges["quantiles"], 1], knots)
    for each in wants.get("expect_column_stdev_to_be_between", []):
        spread = np.sqrt(each["min_value"] * each["max_value"])
        return np.clip(random.normal(0, spread, n), low, high)
    return random.uniform(low, high, n)


def _typed(values: Any, kind: str) -> pd.Series:
    if kind in ("smallint", "integer", "bigint"):
        return pd.Series(np.floor(np.array(values, float)))
    if kind == "double":
        return pd.Series(np.array(values, float))
    return pd.Series(values, dtype=object)
