"""A network as an ONNX graph, answered by ONNX Runtime."""

from __future__ import annotations

import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from perennial.learn.contract import FloatArray, Learner
from perennial.learn.network.batches import Batch
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.strategies.onward import plain
from perennial.learn.network.torch_library import torch
from perennial.learn.variants.making import VARIANT, Making, NotPossibleError

GRAPH = "network.onnx"
NUMBERS, MISSING, CODES, OUTPUT = "numbers", "missing", "codes", "out"
EXPORTER = "torch.onnx._internal.exporter"


class OnnxNetwork(NetworkLearner):
    """The same answers but for rounding; explains by the network, which lies beside."""

    graph: bytes
    session: Any

    def save(self) -> dict[str, bytes]:
        """The network's files, the graph, and what form this is."""
        return {**super().save(), GRAPH: self.graph, VARIANT: told()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for."""
        own = {name: each for name, each in files.items() if name not in (GRAPH, VARIANT)}
        found = super().load(own)
        found.graph, found.session = files[GRAPH], _session(files[GRAPH])
        return found

    def _raw(self, batch: Batch) -> FloatArray:
        if not len(batch):
            return np.empty(0)
        given = {
            NUMBERS: batch.numbers.double().numpy(),
            MISSING: batch.missing.numpy(),
            CODES: batch.codes.numpy(),
        }
        names = {each.name for each in self.session.get_inputs()}
        (out,) = self.session.run(
            [OUTPUT], {name: each for name, each in given.items() if name in names}
        )
        return self.level.raw(out)


def to_onnx(original: Learner, making: Making) -> OnnxNetwork:
    """The original as an ONNX graph; NotPossibleError for anything but a network."""
    if not isinstance(original, NetworkLearner):
        raise NotPossibleError(f"it is no network but of {original.family}")
    network = plain(original)
    base = NetworkLearner(
        network.network, network.inputs, network.level, network.task, network.base,
        network.shares, network.threads,
    )  # fmt: skip
    return OnnxNetwork.load({**base.save(), GRAPH: graph_of(base), VARIANT: told()})


def graph_of(learner: NetworkLearner) -> bytes:
    """The graph from numbers, missing and codes (m, ...) to what comes out (m,); the same twice.

    In double precision, as the network itself answers.
    """
    import onnx

    shape = learner.network.architecture
    rows = (
        torch.zeros(2, shape.n_numbers, dtype=torch.float64),
        torch.zeros(2, shape.n_numbers, dtype=torch.bool),
        torch.zeros(2, len(shape.sizes), dtype=torch.int64),
    )
    sink = io.BytesIO()
    any_number = torch.export.Dim("rows", min=1)
    with _quiet():
        torch.onnx.export(
            copy.deepcopy(learner.network).double(), rows,
            sink,  # type: ignore[arg-type]  # a file in memory will do
            dynamo=True, verbose=False,
            input_names=[NUMBERS, MISSING, CODES], output_names=[OUTPUT],
            dynamic_shapes=({0: any_number}, {0: any_number}, {0: any_number}),
        )  # fmt: skip
    graph = onnx.load_model_from_string(sink.getvalue())
    del graph.metadata_props[:]
    for node in graph.graph.node:  # they tell where in the source each came from
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*graph.graph.value_info, *graph.graph.input, *graph.graph.output]:
        del value.metadata_props[:]
    return bytes(graph.SerializeToString(deterministic=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of itself.

    It warns of its own parts, and that three inputs share one dimension, as they do; and logs that
    a library for pictures, which nothing here needs, is not installed.
    """
    logger = logging.getLogger(EXPORTER)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def told() -> bytes:
    """The content of `variant.json`."""
    about = {"family": NetworkLearner.family, "variant": "onnx"}
    return (json.dumps(about, indent=2, sort_keys=True) + "\n").encode()


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
