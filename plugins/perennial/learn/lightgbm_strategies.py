"""The stateful strategies of trees, by name."""

from __future__ import annotations

from perennial.learn import with_past
from perennial.learn.contract import Way
from perennial.learn.lightgbm_distilling import distill
from perennial.learn.lightgbm_updating import extend, refit

WAYS: dict[str, Way] = {
    "refit": Way(refit, only_new=False),
    "extend": Way(extend, only_new=False),
    "rehearsal": with_past.rehearsal(extend),
    "generative_replay": with_past.replay(extend),
    "distill": Way(distill, only_new=False),
}
