"""What each number and switch of LightGBM may be, and what it is when nobody says.

LightGBM 4.7, https://lightgbm.readthedocs.io/en/v4.7.0/Parameters.html; a test compares the
defaults with those that a booster writes down.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perennial.declare.frozen import Frozen


class Trees(Frozen):
    """The parameters of boosted trees that can be searched."""

    learning_rate: float = Field(0.1, gt=0)
    num_leaves: int = Field(31, ge=2, le=131_072)
    max_depth: int = -1
    min_data_in_leaf: int = Field(20, ge=0)
    min_sum_hessian_in_leaf: float = Field(1e-3, ge=0)
    bagging_fraction: float = Field(1.0, gt=0, le=1)
    bagging_freq: int = Field(0, ge=0)
    pos_bagging_fraction: float = Field(1.0, gt=0, le=1)
    neg_bagging_fraction: float = Field(1.0, gt=0, le=1)
    feature_fraction: float = Field(1.0, gt=0, le=1)
    feature_fraction_bynode: float = Field(1.0, gt=0, le=1)
    extra_trees: bool = False
    data_sample_strategy: Literal["bagging", "goss"] = "bagging"
    top_rate: float = Field(0.2, ge=0, le=1)
    other_rate: float = Field(0.1, ge=0, le=1)
    max_delta_step: float = 0.0
    lambda_l1: float = Field(0.0, ge=0)
    lambda_l2: float = Field(0.0, ge=0)
    min_gain_to_split: float = Field(0.0, ge=0)
    path_smooth: float = Field(0.0, ge=0)
    max_bin: int = Field(255, ge=2)
    min_data_in_bin: int = Field(3, ge=1)
    bin_construct_sample_cnt: int = Field(200_000, ge=1)
    use_missing: bool = True
    zero_as_missing: bool = False
    min_data_per_group: int = Field(100, ge=1)
    max_cat_threshold: int = Field(32, ge=1)
    cat_l2: float = Field(10.0, ge=0)
    cat_smooth: float = Field(10.0, ge=0)
    max_cat_to_onehot: int = Field(4, ge=1)
    boost_from_average: bool = True
    scale_pos_weight: float = Field(1.0, gt=0)
    is_unbalance: bool = False
    alpha: float = Field(0.9, gt=0)
    fair_c: float = Field(1.0, gt=0)
