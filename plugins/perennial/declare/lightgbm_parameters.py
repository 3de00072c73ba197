"""The LightGBM parameters that a declaration may set, and what is wrong with the others.

LightGBM itself ignores a misspelt name without a word, and takes some twenty names (with aliases)
that would undo what the project guarantees: a model that two runs make alike, stopped by days.
"""

from __future__ import annotations

from typing import Any, Literal

from perennial.declare.reading import nearest

OBJECTIVES: dict[str, tuple[str, ...]] = {
    "binary": ("binary",),
    "regression": ("regression", "regression_l1", "huber", "fair"),
}
"""Per task those whose raw score is the log-odds, or the answer itself: so reasons add up."""

ACCEPTED = (
    "objective", "alpha", "fair_c", "boosting", "data_sample_strategy", "top_rate", "other_rate",
    "learning_rate", "num_leaves", "max_depth", "min_data_in_leaf", "min_sum_hessian_in_leaf",
    "bagging_fraction", "bagging_freq", "pos_bagging_fraction", "neg_bagging_fraction",
    "feature_fraction", "feature_fraction_bynode", "extra_trees", "max_delta_step", "lambda_l1",
    "lambda_l2", "min_gain_to_split", "path_smooth", "max_bin", "min_data_in_bin",
    "bin_construct_sample_cnt", "use_missing", "zero_as_missing", "min_data_per_group",
    "max_cat_threshold", "cat_l2", "cat_smooth", "max_cat_to_onehot", "boost_from_average",
    "scale_pos_weight", "is_unbalance",
)  # fmt: skip


def mistakes(parameters: dict[str, Any], task: Literal["binary", "regression"]) -> list[str]:
    """What is wrong with declared parameters, one sentence each.

    >>> mistakes({"num_leafs": 31}, "binary")
    ['train.parameters.num_leafs is not an accepted LightGBM parameter, did you mean "num_leaves"?']
    """
    found = [
        f"train.parameters.{name} is not an accepted LightGBM parameter{_instead(name)}"
        for name in parameters
        if name not in ACCEPTED
    ]
    objective = parameters.get("objective", OBJECTIVES[task][0])
    if objective not in OBJECTIVES[task]:
        found.append(
            f"train.parameters.objective must be one of {', '.join(OBJECTIVES[task])} for the "
            f"task {task}, got {objective!r}"
        )
    if parameters.get("boosting", "gbdt") != "gbdt":
        found.append(
            "train.parameters.boosting must be gbdt, the one kind that can be stopped early, "
            f"got {parameters['boosting']!r}"
        )
    return found


def _instead(name: str) -> str:
    owned = {
        "seed": "train.seed", "random_state": "train.seed", "num_threads": "train.threads",
        "n_jobs": "train.threads", "num_iterations": "train.stopping.max_rounds",
        "n_estimators": "train.stopping.max_rounds",
        "num_boost_round": "train.stopping.max_rounds",
        "early_stopping_round": "train.stopping.rounds",
    }  # fmt: skip
    return f": declare {owned[name]}" if name in owned else nearest(name, ACCEPTED)
