"""What the declared strategies keep with a version, so that the next one can go on from it."""

from __future__ import annotations

from perennial.declare.model import Model
from perennial.learn.contract import Evidence, Learner, State
from perennial.learn.loading import ways_of


def remember(model: Model, learner: Learner, evidence: Evidence, was: State) -> dict[str, bytes]:
    """The state of every strategy that `train.update.ways` declares, by file name.

    Each is asked, whichever one the learner came about by: another may be the best next time.
    """
    ways = ways_of(model.train.learner)
    kept: dict[str, bytes] = {}
    for name in model.train.ways:
        remembers = ways[name].remember
        if remembers is not None:
            kept |= remembers(learner, evidence, model.train, was)
    return dict(sorted(kept.items()))
