"""Makes up rows like those of the past, without keeping any of them: a Gaussian copula.

Each column is known by its own distribution (quantiles of a number, shares of a category, the share
of missing values), and all together by the correlations of their normal scores (Patki, Wedge and
Veeramachaneni 2016, doi:10.1109/DSAA.2016.49). The outer hundredth of a number on each side is cut
off, so that no row's extreme is kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from perennial.errors import NotEnoughEvidenceError
from perennial.learn.arrow_columns import is_text
from perennial.learn.contract import FloatArray, State

FILE = "generator.json"
CUT = 0.01
SHRINK = 0.02
"""How much of the correlations is given up so that their matrix is surely positive definite."""


@dataclass(frozen=True)
class Generator:
    """The columns' distributions, their correlations, and how many rows it stands for."""

    columns: tuple[dict[str, Any], ...]
    correlations: FloatArray
    """Shape (columns, columns)."""
    n_rows: int

    @classmethod
    def fit(cls, table: Any, n_quantiles: int, n_rows: int, seed: int) -> Generator:
        """The generator of a plain table's feature columns (see `evidence_rows.plain_table`)."""
        names = [name for name in table.column_names if not name.startswith("__")]
        random = np.random.default_rng(seed)
        columns, scores = [], []
        for name in names:
            column, ranks = _learned(name, table[name], n_quantiles, random)
            columns.append(column)
            scores.append(_normal(ranks))
        # A column that never varies goes with nothing.
        found = np.nan_to_num(np.atleast_2d(np.corrcoef(np.array(scores))))
        found[np.diag_indices(len(names))] = 1.0
        mixed = (1 - SHRINK) * found + SHRINK * np.eye(len(names))
        return cls(tuple(columns), np.round(mixed, 4), n_rows)

    def sample(self, n: int, seed: int) -> Any:
        """`n` made-up rows as a pyarrow Table of the feature columns; the same seed, the same."""
        from scipy.special import ndtr

        random = np.random.default_rng(seed)
        lower = np.linalg.cholesky(self.correlations)
        ranks = ndtr(random.standard_normal((n, len(self.columns))) @ lower.T)
        made = {
            column["name"]: _values(column, ranks[:, place])
            for place, column in enumerate(self.columns)
        }
        return pa.table(made)

    def save(self) -> dict[str, bytes]:
        """As a file of state."""
        told = {
            "n_rows": self.n_rows,
            "columns": self.columns,
            "correlations": self.correlations.tolist(),
        }
        return {FILE: json.dumps(told, ensure_ascii=False).encode()}

    @classmethod
    def load(cls, state: State) -> Generator:
        """The generator that was kept; NotEnoughEvidenceError when there is none."""
        if FILE not in state:
            raise NotEnoughEvidenceError(
                "strategy generative_replay needs the generator that is kept with a version, but "
                "what serves has none, since generative_replay was not among train.update.ways "
                "when it learned; retrain first"
            )
        told = json.loads(state[FILE])
        return cls(tuple(told["columns"]), np.array(told["correlations"]), int(told["n_rows"]))


def _learned(
    name: str, column: Any, n_quantiles: int, random: np.random.Generator
) -> tuple[dict[str, Any], FloatArray]:
    """A column's distribution, and the rank (n,) between 0 and 1 of each of its values."""
    if is_text(column.type):
        return _category(name, column.to_pylist(), random)
    values = np.asarray(column.to_numpy(), dtype=np.float64)
    is_missing = np.isnan(values)
    share = float(is_missing.mean())
    known = values[~is_missing]
    grid = np.quantile(known, np.linspace(CUT, 1 - CUT, n_quantiles)) if known.size else np.zeros(0)
    is_whole = bool(known.size) and bool((known == np.round(known)).all())
    ranks = share * random.random(values.size)  # the missing lie below all values
    if known.size:
        order = random.permutation(known.size)  # equal values are spread over their ranks
        places = np.empty(known.size)
        places[order[np.argsort(known[order], kind="stable")]] = np.arange(known.size)
        ranks[~is_missing] = share + (1 - share) * (places + 0.5) / known.size
    told = {"name": name, "missing": round(share, 6), "quantiles": grid.tolist(), "whole": is_whole}
    return told, ranks


def _category(
    name: str, values: list[str | None], random: np.random.Generator
) -> tuple[dict[str, Any], FloatArray]:
    texts = np.array([None if each is None else str(each) for each in values], dtype=object)
    known = sorted({each for each in texts if each is not None})
    share = float(np.mean([each is None for each in texts]))
    shares = [float(np.mean(texts == each)) for each in known]
    edges = np.cumsum([0.0, share, *shares])
    place = {None: 0, **{each: at + 1 for at, each in enumerate(known)}}
    at = np.array([place[each] for each in texts])
    ranks = edges[at] + (edges[at + 1] - edges[at]) * random.random(at.size)
    told = {"name": name, "missing": round(share, 6), "values": known, "shares": shares}
    return told, ranks


def _values(column: dict[str, Any], ranks: FloatArray) -> Any:
    """The column's values at these ranks (n,); null where it would be missing."""
    missing = column["missing"]
    is_missing = ranks < missing
    if "values" in column:
        if not column["values"]:
            return pa.nulls(ranks.size, pa.string())
        edges = missing + np.cumsum(column["shares"])
        at = np.minimum(np.searchsorted(edges, ranks, side="right"), len(column["values"]) - 1)
        texts = np.array(column["values"], dtype=object)[at]
        return pa.array(texts, pa.string(), mask=is_missing)
    if not column["quantiles"]:
        return pa.nulls(ranks.size, pa.float64())
    within = (ranks - missing) / max(1e-12, 1 - missing)
    grid = np.array(column["quantiles"])
    numbers = np.interp(within, np.linspace(CUT, 1 - CUT, grid.size), grid)
    if column["whole"]:
        numbers = np.round(numbers)
    return pa.array(numbers, pa.float64(), mask=is_missing)


def _normal(ranks: FloatArray) -> FloatArray:
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(ranks, 1e-6, 1 - 1e-6)), dtype=np.float64)
