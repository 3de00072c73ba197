"""The parts of the network."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

from torch import Tensor, nn

from perennial.learn.network.torch_library import torch


class NumberEmbedding(nn.Module):
    """Each of N numbers becomes a vector of its own: periodic, then linear, then ReLU.

    x -> ReLU(W [cos(2 pi c x), sin(2 pi c x)] + b), with frequencies c that are learned too
    (Gorishniy et al. 2022, arXiv:2203.05556). A missing number is a learned vector, zero at first.
    """

    def __init__(self, n: int, frequencies: int, scale: float, length: int) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(n, frequencies) * scale)
        bound = (2 * frequencies) ** -0.5
        self.weight = nn.Parameter(torch.empty(n, 2 * frequencies, length).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n, 1, length).uniform_(-bound, bound))
        self.missing = nn.Parameter(torch.zeros(n, length))

    def forward(self, numbers: Tensor, missing: Tensor) -> Tensor:
        """Numbers and what is missing of them, both (m, N): vectors (m, N, length)."""
        angles = (2 * pi) * numbers.T.unsqueeze(-1) * self.frequencies.unsqueeze(1)  # (N, m, k)
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1)
        vectors = torch.relu(torch.bmm(waves, self.weight) + self.bias).transpose(0, 1)
        return torch.where(missing.unsqueeze(-1), self.missing, vectors)


class CategoryEmbedding(nn.Module):
    """Each of C categories becomes a vector; what is missing or unknown is zero at first."""

    def __init__(self, sizes: Sequence[int], length: int) -> None:
        super().__init__()
        starts = torch.tensor([0, *[size + 1 for size in sizes[:-1]]]).cumsum(0)
        self.register_buffer("starts", starts[: len(sizes)], persistent=False)
        self.weight = nn.Parameter(torch.randn(sum(sizes) + len(sizes), length) * length**-0.5)
        with torch.no_grad():
            self.weight[self.starts] = 0.0

    starts: Tensor

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (m, C), 0 for unknown: vectors (m, C, length)."""
        return nn.functional.embedding(codes + self.starts, self.weight)


class Dropout(nn.Module):
    """Leaves units out by a seed of its own.

    A batch that is gone through in parts draws, part by part, what it would draw as a whole; and a
    training that goes on from a checkpoint draws what it would have drawn. On the CPU, whatever
    the device is.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def begin(self, seed: int) -> None:
        """Draw from here on by this seed."""
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, units: Tensor) -> Tensor:
        """Units (m, width), some of them 0 while learning."""
        if not self.training or self.share == 0:
            return units
        kept = torch.rand(units.shape, generator=self.generator) >= self.share
        return units * (kept.to(units) / (1 - self.share))


class Hiding(Dropout):
    """Leaves whole inputs out, so that none is relied on alone (as trees see a part of them)."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors (m, inputs, length), some of them all 0 while learning."""
        if not self.training or self.share == 0:
            return vectors
        kept = torch.rand(vectors.shape[:2], generator=self.generator) >= self.share
        return vectors * (kept.to(vectors) / (1 - self.share)).unsqueeze(-1)


class Block(nn.Module):
    """x + what two layers make of x (Gorishniy et al. 2021, arXiv:2106.11959).

    Normed by row and not by batch, so that a row's answer depends on no other row. With a last
    layer of zeros a block changes nothing.
    """

    def __init__(self, width: int, dropout: float, inner: int | None = None) -> None:
        super().__init__()
        units = inner or width
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, units)
        self.dropout = Dropout(dropout)
        self.outer = nn.Linear(units, width)

    def forward(self, units: Tensor) -> Tensor:
        """Units (m, width), the same shape out."""
        added: Tensor = self.outer(self.dropout(torch.relu(self.inner(self.norm(units)))))
        return units + added
