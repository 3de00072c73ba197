"""Boosted trees as an ONNX graph, answered by ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from perennial.learn.contract import FloatArray, Learner
from perennial.learn.lightgbm_learner import MODEL
from perennial.learn.variants.making import VARIANT, Making
from perennial.learn.variants.onnx_graph import INPUT, OUTPUT, graph_of
from perennial.learn.variants.tree_forms import TreeForm, told, trees_of
from perennial.learn.variants.tree_text import read_forest

GRAPH = "trees.onnx"


class OnnxTrees(TreeForm):
    """The same answers as LightGBM's, on any machine that ONNX Runtime runs on.

    One thread answers, and several may ask at once.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(files, json.loads(files[VARIANT])["is_logistic"])
        self._files |= {name: files[name] for name in (VARIANT, GRAPH)}
        self._session = _session(files[GRAPH])

    def save(self) -> dict[str, bytes]:
        """LightGBM's files and the graph."""
        return dict(self._files)

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for."""
        return cls(files)

    def _sums(self, matrix: FloatArray) -> FloatArray:
        if not len(matrix):
            return np.empty(0)
        (sums,) = self._session.run([OUTPUT], {INPUT: matrix})
        return np.asarray(sums, dtype=np.float64)[:, 0]


def to_onnx(original: Learner, making: Making) -> OnnxTrees:
    """The original as an ONNX graph."""
    files = trees_of(original).save()
    forest = read_forest(files[MODEL].decode())
    about = told("onnx", is_logistic=forest.is_logistic)
    return OnnxTrees({**files, GRAPH: graph_of(forest), VARIANT: about})


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
