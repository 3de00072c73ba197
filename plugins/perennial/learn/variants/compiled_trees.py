"""Boosted trees as machine code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Self

import numpy as np

from perennial.learn.contract import FloatArray, Learner
from perennial.learn.lightgbm_learner import MODEL
from perennial.learn.variants.machine_code import Loaded, Target, compiled, this_machine
from perennial.learn.variants.making import VARIANT, Making
from perennial.learn.variants.tree_code import ENTRY, code_of
from perennial.learn.variants.tree_forms import TreeForm, told, trees_of
from perennial.learn.variants.tree_text import read_forest

OBJECT = "trees.o"


class CompiledTrees(TreeForm):
    """The same answers as LightGBM's to the last bit, several times sooner, on one machine.

    One thread answers, and several may ask at once. LLVM's library takes some 50 MB more of the
    process than LightGBM's does.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        about = json.loads(files[VARIANT])
        super().__init__(files, about["is_logistic"])
        self._files |= {name: files[name] for name in (VARIANT, OBJECT)}
        target = Target.model_validate(about["target"])
        self._code = Loaded(files[OBJECT], target, ENTRY)

    def save(self) -> dict[str, bytes]:
        """LightGBM's files, the object file, and for which machine it is."""
        return dict(self._files)

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for.

        Raises UnavailableError on a machine that cannot run the code.
        """
        return cls(files)

    def _sums(self, matrix: FloatArray) -> FloatArray:
        sums = np.zeros(len(matrix))
        self._code.add(np.ascontiguousarray(matrix, dtype=np.float64), sums)
        return sums


def compile_trees(original: Learner, making: Making) -> CompiledTrees:
    """The original as machine code for this machine."""
    files = trees_of(original).save()
    forest = read_forest(files[MODEL].decode())
    target = this_machine()
    about = told("compiled", is_logistic=forest.is_logistic, target=target.model_dump())
    return CompiledTrees({**files, OBJECT: compiled(code_of(forest), target), VARIANT: about})
