"""Rows of the past that are kept with a model: each that was ever learned, equally likely.

Every row has a random number that its own content decides; those with the least numbers are kept.
That is a uniform sample without replacement of all rows met so far (Efraimidis and Spirakis 2006,
doi:10.1016/j.ipl.2005.11.003, with equal weights), in one pass and in any order. A row that is met
twice has the same number and is kept once, so learning again after a crash changes nothing.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from perennial.declare.train import Train
from perennial.errors import IntegrityError, NotEnoughEvidenceError
from perennial.learn.contract import Evidence, Learner, State
from perennial.learn.evidence_rows import (
    drawn,
    evidence_of,
    keys,
    n_beside,
    plain_table,
    together,
)

FILE = "reservoir.parquet"
KEY = "__key"


def remember(learner: Learner, evidence: Evidence, declared: Train, was: State) -> dict[str, bytes]:
    """The reservoir after this evidence, as Parquet."""
    table = plain_table(evidence)
    table = table.append_column(KEY, pa.array(keys(table, declared.seed)))
    if FILE in was:
        table = pa.concat_tables([read(was), table], promote_options="permissive")
    found = np.asarray(table[KEY])
    _, first = np.unique(found, return_index=True)  # sorted by number, each once
    kept = table.take(pa.array(first[: declared.update.rehearsal.rows]))
    sink = io.BytesIO()
    pq.write_table(kept, sink, compression="zstd")
    return {FILE: sink.getvalue()}


def read(state: State) -> Any:
    """The reservoir's rows as a pyarrow Table; IntegrityError when they cannot be read."""
    try:
        return pq.read_table(io.BytesIO(state[FILE]))
    except pa.ArrowException as error:
        raise IntegrityError(f"{FILE} cannot be read: {error}") from error


def with_past(evidence: Evidence, declared: Train, state: State) -> Evidence:
    """The evidence, and as many kept rows as make the declared share of both.

    Raises NotEnoughEvidenceError when nothing was kept.
    """
    if FILE not in state:
        raise NotEnoughEvidenceError(
            "strategy rehearsal needs the reservoir that is kept with a version, but what serves "
            "has none, since rehearsal was not among train.update.ways when it learned; retrain "
            "first"
        )
    kept = read(state).drop_columns([KEY])
    random = np.random.default_rng(declared.seed)
    n = n_beside(evidence.labels.size, declared.update.rehearsal.share)
    return together(evidence_of(drawn(kept, n, random)), evidence)
