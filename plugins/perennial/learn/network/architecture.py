"""The network as a whole, and the numbers that tell its shape."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor, nn

from perennial.declare.frozen import Frozen
from perennial.declare.torch_parameters import Network
from perennial.learn.network.layers import (
    Block,
    CategoryEmbedding,
    Dropout,
    Hiding,
    NumberEmbedding,
)
from perennial.learn.network.torch_library import torch


class Architecture(Frozen):
    """Everything that decides how many weights there are; checked before anything is built."""

    n_numbers: int = Field(ge=0, le=100_000)
    sizes: tuple[NonNegativeInt, ...] = Field(description="Per category how many values are known.")
    width: int = Field(ge=1, le=4096)
    blocks: int = Field(ge=0, le=64)
    inner: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        (), description="Units inside each block, where they were pruned; else the width."
    )
    dropout: float = Field(ge=0, lt=1)
    hidden: float = Field(0.0, ge=0, lt=1)
    embedding: int = Field(ge=1, le=512)
    frequencies: int = Field(ge=1, le=256)
    frequency_scale: float = Field(gt=0)
    numeric_embedding: int = Field(ge=1, le=512)

    @classmethod
    def of(cls, declared: Network, n_numbers: int, sizes: tuple[int, ...]) -> Architecture:
        """The declared network for so many numbers and such categories."""
        shape = declared.model_dump(include=set(cls.model_fields))
        return cls(n_numbers=n_numbers, sizes=sizes, **shape)

    @property
    def units(self) -> tuple[int, ...]:
        """How many units there are inside of each block."""
        return self.inner or (self.width,) * self.blocks

    @model_validator(mode="after")
    def _inner_is_of_each_block(self) -> Self:
        if self.inner and len(self.inner) != self.blocks:
            raise ValueError(f"inner tells of {len(self.inner)} blocks, there are {self.blocks}")
        return self

    @property
    def lengths(self) -> tuple[int, ...]:
        """How long the vector of each input is: the numbers first, then the categories."""
        return (
            *[self.numeric_embedding] * self.n_numbers,
            *[self.embedding] * len(self.sizes),
        )


class TabularNetwork(nn.Module):
    """Inputs become vectors, vectors become units, blocks work on them, one number comes out.

    `embed` and `answer` are the two halves: an explanation walks from one to the other.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        shape = self.architecture = architecture
        self.numbers = NumberEmbedding(
            shape.n_numbers, shape.frequencies, shape.frequency_scale, shape.numeric_embedding
        )
        self.categories = CategoryEmbedding(shape.sizes, shape.embedding)
        self.hidden_numbers = Hiding(shape.hidden)
        self.hidden_categories = Hiding(shape.hidden)
        self.entry = nn.Linear(sum(shape.lengths), shape.width)
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.dropout, units) for units in shape.units
        )
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, 1)

    def embed(self, numbers: Tensor, missing: Tensor, codes: Tensor) -> Tensor:
        """All inputs of each row as one vector (m, sum of lengths)."""
        vectors = []
        if self.architecture.n_numbers:
            vectors.append(self.hidden_numbers(self.numbers(numbers, missing)).flatten(1))
        if self.architecture.sizes:
            vectors.append(self.hidden_categories(self.categories(codes)).flatten(1))
        return torch.cat(vectors, dim=1) if len(vectors) > 1 else vectors[0]

    def answer(self, embedded: Tensor) -> Tensor:
        """What comes out (m,) for embedded rows."""
        units = self.entry(embedded)
        for block in self.blocks:
            units = block(units)
        out: Tensor = self.head(torch.relu(self.norm(units)))
        return out.squeeze(-1)

    def forward(self, numbers: Tensor, missing: Tensor, codes: Tensor) -> Tensor:
        """What comes out (m,): log-odds for binary, the standardised answer for regression."""
        return self.answer(self.embed(numbers, missing, codes))

    def begin(self, seed: int) -> None:
        """Let every dropout draw by this seed from here on."""
        places = [each for each in self.modules() if isinstance(each, Dropout)]
        for place, each in enumerate(places):
            each.begin(seed + place)


def fresh(architecture: Architecture, seed: int, level: float = 0.0) -> TabularNetwork:
    """A network with weights drawn by the seed, answering some `level`; nothing else is drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = TabularNetwork(architecture)
    with torch.no_grad():
        network.head.bias.fill_(level)
    return network
