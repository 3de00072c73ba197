"""The one way to import torch, and to have two runs compute the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["device_of", "repeatable", "torch"]


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Within, torch takes only algorithms that always add in the same order, on so many threads.

    Its settings belong to the whole process, so they are put back afterwards.
    """
    before = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    memory.fill_uninitialized_memory = False  # a debugging aid that costs time
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict)
        memory.fill_uninitialized_memory = filled


def device_of(declared: str) -> torch.device:
    """The device that a declaration means; ValueError for CUDA where there is none.

    >>> device_of("cpu")
    device(type='cpu')
    """
    is_there = torch.cuda.is_available()
    if declared == "cuda" and not is_there:
        raise ValueError(
            "train.parameters.device is cuda, but torch finds no CUDA here; declare auto to take "
            "CUDA only where there is one"
        )
    return torch.device("cuda" if declared in ("cuda", "auto") and is_there else "cpu")
