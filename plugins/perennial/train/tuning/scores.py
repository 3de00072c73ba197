"""Answers of trials, kept until nobody compares them any more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from perennial.learn.contract import FloatArray


class Scores:
    """One folder with one file of answers a name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, name: str, answers: FloatArray) -> None:
        """Keep the answers, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f".{name}.npy"
        with beside.open("wb") as file:
            np.save(file, answers, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.folder / f"{name}.npy")

    def of(self, name: str, make: Callable[[], FloatArray]) -> FloatArray:
        """The answers kept as `name`; made, and kept from now on, where there are none."""
        path = self.folder / f"{name}.npy"
        if not path.is_file():
            self.keep(name, make())
        kept: FloatArray = np.load(path, allow_pickle=False)
        return kept

    def drop_but(self, names: set[str]) -> None:
        """Remove all others."""
        for path in self.folder.glob("*.npy"):
            if path.stem not in names:
                path.unlink()
