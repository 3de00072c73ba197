"""Which strategy a decision trains by, for every strategy that can be declared."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from perennial.declare.train import Train


@pytest.mark.parametrize(
    ("declared", "retrain", "update"),
    [
        ({"strategy": "stateless"}, "stateless", "stateful"),
        ({"strategy": "full"}, "full", "stateful"),
        ({"strategy": "window", "window_days": 60}, "window", "stateful"),
        ({"strategy": "stateful"}, "stateless", "stateful"),
        ({"strategy": "recalibrate"}, "stateless", "stateful"),
        ({"strategy": "extend"}, "stateless", "extend"),
        ({"strategy": "combined"}, "full", "combined"),
        (
            {"strategy": "combined", "window_days": 60, "update": {"combined": {"base": "window"}}},
            "window",
            "combined",
        ),
        ({"learner": "torch", "strategy": "lora"}, "stateless", "lora"),
        (
            {"learner": "torch", "strategy": "transfer", "transfer": {"model": "other"}},
            "transfer",
            "stateful",
        ),
    ],
)
def test_a_decision_trains_by_the_declared_strategy_where_it_means_that(
    declared: dict[str, Any], retrain: str, update: str
) -> None:
    train = Train.model_validate(declared)
    assert train.strategy_for("retrain") == retrain
    assert train.strategy_for("update") == update
    assert train.strategy_for("recalibrate") == "recalibrate"


@pytest.mark.parametrize("decision", ["stand_by", "repair_data", "roll_back", "ask_a_person"])
def test_other_decisions_train_nothing(decision: str) -> None:
    assert Train.model_validate({"strategy": "combined"}).strategy_for(decision) is None


def test_a_window_to_begin_from_needs_its_days() -> None:
    declared = {"strategy": "combined", "update": {"combined": {"base": "window"}}}
    with pytest.raises(ValidationError, match=r"combined\.base window needs train\.window_days"):
        Train.model_validate(declared)
