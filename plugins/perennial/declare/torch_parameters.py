"""The parameters of the tabular network that a declaration may set, and what is wrong."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError

from perennial.declare.frozen import Frozen
from perennial.declare.reading import sentences


class Network(Frozen):
    """A tabular network and how it learns (`train.parameters` of the learner torch)."""

    width: int = Field(128, ge=4, le=4096, description="Units of each residual block.")
    blocks: int = Field(1, ge=1, le=32, description="Residual blocks.")
    hidden: float = Field(
        0.2, ge=0, lt=1, description="Share of a row's inputs that are hidden while learning."
    )
    dropout: float = Field(0.4, ge=0, lt=1, description="Share of units left out while learning.")
    embedding: int = Field(8, ge=1, le=512, description="Length of a category's vector.")
    frequencies: int = Field(8, ge=1, le=256, description="Periodic parts of a number's vector.")
    frequency_scale: float = Field(
        0.1, gt=0, description="Standard deviation of the frequencies that are drawn at first."
    )
    numeric_embedding: int = Field(4, ge=1, le=512, description="Length of a number's vector.")
    learning_rate: float = Field(1e-3, gt=0, description="Of AdamW.")
    weight_decay: float = Field(0.1, ge=0, description="Of AdamW.")
    max_gradient: float = Field(
        1.0, gt=0, description="Length to which a longer gradient is shortened before a step."
    )
    epochs: int = Field(
        8, ge=1, description="The most passes over the rows (few rows need more); the learning "
        "rate falls to 0 towards the last. train.stopping.max_rounds counts where it is smaller."
    )  # fmt: skip
    patience: int = Field(
        4, ge=1, description="Passes without improvement on the held-out days before it stops. "
        "train.stopping.rounds counts where it is smaller."
    )  # fmt: skip
    batch: int = Field(256, ge=2, description="Rows in one step of the optimizer.")
    accumulate: int = Field(
        1, ge=1, description="Parts in which a batch is gone through, for less memory at a time."
    )
    device: Literal["cpu", "cuda", "auto"] = Field(
        "cpu", description="Where it learns. auto: on CUDA where there is one."
    )


def mistakes(parameters: dict[str, Any], task: Literal["binary", "regression"]) -> list[str]:
    """What is wrong with declared parameters, one sentence each.

    >>> mistakes({"width": 3}, "binary")
    ['train.parameters.width must be in [4, 4096], got 3']
    """
    try:
        Network.model_validate(parameters)
    except ValidationError as error:
        return sentences(error, Network, "train.parameters")
    return []
