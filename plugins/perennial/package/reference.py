"""Reference rows: questions of the judged days and the offline answers a server must reproduce."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import IntegrityError
from perennial.judge import Judged
from perennial.learn.contract import Learner
from perennial.train.labelled_rows import read_labelled


def reference_rows(project: Project, model: Model, judged: Judged, learner: Learner) -> bytes:
    """`{"columns": {feature: [values]}, "scores": [answers]}` as JSON, exact to the last bit.

    A sample of `package.reference_rows` judged rows, in their order; the seed is the model's, so
    twice gives the same bytes. Raises IntegrityError when the values do not survive JSON: a server
    that gets them over HTTP could then never answer alike.
    """
    rows = read_labelled(
        project, model, judged.judged_from, judged.judged_until, known_by=judged.at
    )
    random = np.random.default_rng(model.train.seed)
    n = min(model.package.reference_rows, rows.n_rows)
    table = rows.features.take(np.sort(random.choice(rows.n_rows, n, replace=False)))
    scores = learner.predict(table)
    columns = {name: table[name].to_pylist() for name in learner.features}
    content = orjson.dumps({"columns": columns, "scores": scores.tolist()})
    _must_survive(content, learner, scores)
    return content + b"\n"


def _must_survive(content: bytes, learner: Learner, scores: Any) -> None:
    read_back = orjson.loads(content)
    again = learner.predict(read_back["columns"])
    if not np.array_equal(again, scores) or read_back["scores"] != scores.tolist():
        n_wrong = int(np.count_nonzero(again != scores))
        raise IntegrityError(f"{n_wrong} of {scores.size} reference rows change by way of JSON")
