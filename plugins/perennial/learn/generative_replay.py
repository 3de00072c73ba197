"""Made-up rows of the past beside the new ones; their labels are what the champion says.

Shin et al. 2017, Continual Learning with Deep Generative Replay, arXiv:1705.08690. The generator is
a copula (see `generator`): nothing that was ever learned from is kept.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from perennial.declare.train import Train
from perennial.learn.contract import Evidence, Learner, Start, State
from perennial.learn.evidence_rows import n_beside, plain_table, together
from perennial.learn.generator import FILE, Generator


def remember(learner: Learner, evidence: Evidence, declared: Train, was: State) -> dict[str, bytes]:
    """The generator of everything so far: fitted to the new rows and to made-up ones of the past.

    The made-up ones are as many for each new one as there were rows before, at most
    `generative_replay.rows`; then the new rows are thinned, so that each keeps its weight.
    """
    given = declared.update.generative_replay
    table, n_new = plain_table(evidence), evidence.labels.size
    table = table.select([name for name in table.column_names if not name.startswith("__")])
    n_seen = n_new
    if FILE in was:
        past = Generator.load(was)
        n_seen += past.n_rows
        n_past = min(past.n_rows, given.rows)
        n_kept = max(1, min(n_new, round(n_past * n_new / past.n_rows)))
        places = np.random.default_rng(declared.seed).choice(n_new, n_kept, replace=False)
        parts = [past.sample(n_past, declared.seed), table.take(pa.array(np.sort(places)))]
        table = pa.concat_tables(parts, promote_options="permissive")
    return Generator.fit(table, given.quantiles, n_seen, declared.seed).save()


def with_past(start: Start, evidence: Evidence, declared: Train) -> Evidence:
    """The evidence, and as many made-up rows as make the declared share of both.

    For binary a made-up row's label is drawn by the champion's probability. Its day is the first
    of the evidence. Raises NotEnoughEvidenceError when there is no generator.
    """
    generator = Generator.load(start.state)
    n = n_beside(evidence.labels.size, declared.update.generative_replay.share)
    rows = generator.sample(n, declared.seed + 1)
    answers = start.learner.predict(rows)
    if start.learner.task == "binary":
        random = np.random.default_rng(declared.seed + 2)
        answers = (random.random(n) < answers).astype(np.float64)
    days = np.full(n, evidence.days.min())
    return together(Evidence(rows, answers, days), evidence)
