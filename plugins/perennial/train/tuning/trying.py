"""One fold, once: learn from what was known before its days, and answer its questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import FloatArray
from perennial.learn.loading import fit_of
from perennial.train.tuning.folds import Fold, Past


def answers_of(past: Past, fold: Fold, parameters: Mapping[str, Any]) -> FloatArray:
    """The answers (n,) to the fold's questions, learned as `train` would at its first night.

    `parameters` go over the declared ones. Early stopping holds out the last days of what was
    known, so it sees none of the days judged on.
    """
    train = past.model.train
    declared = train.model_copy(update={"parameters": {**train.parameters, **parameters}})
    try:
        fitted = fit_of(train.learner)(
            past.learned(fold), past.model.task, declared, lambda _rounds: None
        )
    except NotEnoughEvidenceError as error:
        raise NotEnoughEvidenceError(
            f"model {past.model.name}: {fold.name}, which learns from the days before "
            f"{fold.start}: {error}"
        ) from error
    return fitted.learner.predict(past.judged(fold).rows)
